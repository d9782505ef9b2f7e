import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A file of the data that lies beside the repository, or null where it does not. */
export function sharedFile(path: string): string | null {
  const file = fileURLToPath(new URL(`../../../shared/data/${path}`, import.meta.url));
  return existsSync(file) ? file : null;
}
