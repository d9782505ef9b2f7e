// Invokes the built function as Lambda does: node local.js EVENT.json
import { readFileSync } from "node:fs";
import { argv, exit } from "node:process";

if (argv.length !== 3) {
  console.error("usage: node local.js EVENT.json");
  exit(2);
}
const event = JSON.parse(readFileSync(argv[2], "utf8"));
const { handler } = await import("./build/function/handler.mjs");
console.log(JSON.stringify(await handler(event), null, 2));
