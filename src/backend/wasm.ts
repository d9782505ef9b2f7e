import { instantiateSync } from "@assemblyscript/loader";
import type { instantiate } from "../../build/kernels.simd.js";
import { FormatError, RuntimeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import type { Kernels } from "./index.js";
import * as js from "./js/index.js";

/** What the compiler says the binary exports. */
type Exports = Awaited<ReturnType<typeof instantiate>>;

/** Names that one side has and the other has not, or whose parameter counts differ. Anything but `never` is a build error. */
type Mismatch =
  | Exclude<keyof Exports, keyof Kernels>
  | Exclude<keyof Kernels, keyof Exports>
  | { [N in keyof Exports & keyof Kernels]: SameArity<Exports[N], Kernels[N]> extends true ? never : N }[keyof Exports &
      keyof Kernels];

type SameArity<A, B> = A extends (...args: infer P) => infer R
  ? B extends (...args: infer Q) => infer S
    ? P["length"] extends Q["length"]
      ? [R] extends [S]
        ? true
        : false
      : false
    : false
  : false;

/** `T`, on the condition that there is nothing to complain about. */
type Proven<_Problem extends never, T> = T;

/** The exports, proven to agree with the JavaScript back end name by name, arity and result included. */
type Agreed = Proven<Mismatch, Exports>;

/**
 * Instantiates compiled kernels on a memory. The result is a plain object: property loads on it are cheap. Errors: FormatError for a
 * module that is something else, or of another version.
 */
export function instantiateKernels(module: WebAssembly.Module, memory = arena.memory): Kernels {
  if (memory === null) {
    throw new RuntimeError("init", "this platform has no WebAssembly; the js back end stays in use");
  }
  // The loader's `exports` wrap every function to count its arguments; the instance's own are called directly.
  const { instance } = loaded(() => instantiateSync<Agreed>(module, { env: { memory } }));
  const kernels = { ...(instance.exports as Agreed) };
  for (const name of Object.keys(js)) if (!(name in kernels)) throw foreign(`it has no ${name}`);
  return kernels;
}

function loaded<T>(instantiate: () => T): T {
  try {
    return instantiate();
  } catch (cause) {
    throw foreign((cause as Error).message);
  }
}

function foreign(problem: string): FormatError {
  return new FormatError("init", `the module holds no kernels of this version: ${problem}`);
}
