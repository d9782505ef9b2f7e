// Prints the first result of the participant whose script is named on the command line.
import { readFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [script, model, tfjs] = process.argv.slice(2);
const { first } = await import(pathToFileURL(script).href);
const logits = await first({ model: () => new Uint8Array(readFileSync(model)), files: { tfjs } });
console.log(JSON.stringify({ logits: logits && [...logits] }));
process.exit(0);
