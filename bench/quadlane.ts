// The implementation of this library (argument: wasm | js).
import { readFileSync } from "node:fs";
import { runtime, setBackend } from "quadlane";
import { prepare } from "./quadlane/prepare.js";
import { serve } from "./serve.js";

const backend = process.argv[2] === "js" ? "js" : "wasm";
setBackend(backend);

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));

serve({
  about: `${version}, ${backend === "js" ? "plain JavaScript" : `${runtime().binary} binary`}`,
  prepare,
});
