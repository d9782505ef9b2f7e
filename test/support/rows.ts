import { readdirSync } from "node:fs";
import type { OpCase } from "./op-case.js";

const folder = new URL("../cases/", import.meta.url);

/** The rows of every family, found by file: a new family needs no entry anywhere. */
export async function loadRows(): Promise<OpCase<never>[]> {
  const files = readdirSync(folder).filter((file) => /\.[jt]s$/.test(file));
  const load = async (file: string): Promise<readonly OpCase<never>[]> =>
    ((await import(new URL(file, folder).href)) as { cases: readonly OpCase<never>[] }).cases;
  return (await Promise.all(files.sort().map(load))).flat();
}
