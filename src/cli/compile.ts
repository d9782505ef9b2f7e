// `quadlane compile`.
import { writeAtomically } from "../io/atomic.node.js";
import { init } from "../node.js";
import { Program } from "../program/index.node.js";
import { type FeedOptions, prepared } from "./run.js";

export interface CompileOptions extends Pick<FeedOptions, "input" | "shape" | "seed"> {
  /** The kernels that the program is for. */
  readonly binary: "simd" | "relaxed";
}

/** Writes a model as a program, for the shapes of its inputs. */
export async function compileFile(from: string, to: string, options: CompileOptions): Promise<string> {
  await init({ binary: options.binary });
  const { session, feeds } = await prepared(from, { ...options, backend: "wasm", threads: 1 });
  const bytes = session.toProgram(feeds);
  // What cannot be loaded is not written.
  const program = Program.loadSync(bytes);
  writeAtomically(to, bytes);
  return `${program}, ${options.binary} kernels: ${bytes.length} bytes written to ${to}`;
}
