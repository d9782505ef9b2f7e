import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** Built-ins that take their time to load and that few programs need. */
interface Builtins {
  readonly "node:os": typeof import("node:os");
  readonly "node:v8": typeof import("node:v8");
  readonly "node:worker_threads": typeof import("node:worker_threads");
  readonly "node:zlib": typeof import("node:zlib");
}

/** One of them, loaded on first use. */
export function builtin<N extends keyof Builtins>(name: N): Builtins[N] {
  return createRequire(import.meta.url)(name) as Builtins[N];
}

/** A file of this package's build folder: there is no search for it, unless this code runs as a source or in a program's bundle. */
export function packageFile(path: string): URL {
  const beside = new URL(`../${path}`, import.meta.url);
  if (existsSync(beside)) return beside;
  const kernels = createRequire(import.meta.url).resolve("quadlane/kernels.simd.wasm");
  return new URL(path, pathToFileURL(kernels));
}
