// Puts the library that reads the command line into `build/dist/cli/main.js`, so that `npx quadlane` needs nothing installed beside the package.
import { readFileSync } from "node:fs";
import { rolldown } from "rolldown";

const main = "build/dist/cli/main.js";
const license = readFileSync("node_modules/commander/LICENSE", "utf8").trim();
const external = (id, importer) => importer?.endsWith(main) === true && !id.includes("commander");
const bundle = await rolldown({ input: main, platform: "node", external });
await bundle.write({ file: main, format: "esm", minify: true, postBanner: `/* Contains commander:\n${license}\n*/` });
