import { readdirSync } from "node:fs";
import type { OpCase } from "./support/op-case.js";
import { testCase } from "./support/run-case.js";

// Every family's rows, found by file: a new family needs no entry here.
const folder = new URL("./cases/", import.meta.url);
for (const file of readdirSync(folder).sort()) {
  const { cases } = (await import(new URL(file, folder).href)) as { cases: readonly OpCase<never>[] };
  for (const row of cases) testCase(row);
}
