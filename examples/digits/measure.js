// Sizes and medians, for what the examples say of themselves.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

export const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

/** Prints the sizes of files, and what they take together. */
export function printSizes(folder, names) {
  const files = names.map((name) => readFileSync(new URL(name, folder)));
  for (const [i, name] of names.entries()) console.log(`${name}: ${kilobytes(files[i].length)}`);
  const sum = (sizes) => kilobytes(sizes.reduce((a, b) => a + b));
  console.log(`together ${sum(files.map((f) => f.length))}, ${sum(files.map((f) => gzipSync(f).length))} compressed`);
}

/** The median of what each case gives, by name. They run in turn, so that what else the machine does falls on all of them. */
export async function medians(cases, runs) {
  const taken = Object.entries(cases).map(([name, run]) => ({ name, run, values: [] }));
  for (let i = 0; i < runs; i++) for (const { run, values } of taken) values.push(await run());
  return Object.fromEntries(taken.map(({ name, values }) => [name, values.sort((a, b) => a - b)[values.length >> 1]]));
}
