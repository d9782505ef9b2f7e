import { loadRows } from "./support/rows.js";
import { testCase } from "./support/run-case.js";

for (const row of await loadRows()) testCase(row);
