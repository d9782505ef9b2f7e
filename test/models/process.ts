// Runs one trial: node process.js NAME FORM. Prints a report as JSON.
import type { Form } from "./trial.js";
import { TRIALS } from "./trials.js";

const [name, form] = process.argv.slice(2);
const trial = TRIALS.find((t) => t.name === name);
if (trial === undefined || form === undefined) throw new Error(`there is no trial ${name}`);
const before = process.cpuUsage();
const outcome = trial.run(JSON.parse(form) as Form);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ outcome, seconds: (user + system) / 1e6 }));
