import { guardArena } from "./support/guarded-arena.js";
import { loadRows } from "./support/rows.js";
import { testCase } from "./support/run-case.js";

guardArena();
for (const row of await loadRows()) testCase(row);
