import { FormatError, RuntimeError } from "../errors.js";
import { COPY, EXPECT, type Header, type ProgramStep } from "./format.js";

/** A step, ready to be done. */
export type Call = () => void;

type Kernel = (...args: number[]) => number | undefined;

/** The steps of a program on its memory. Errors: FormatError for a kernel that there is not, or arguments that do not fit it. */
export function stepsOf(
  op: string,
  header: Header,
  exports: WebAssembly.Exports,
  memory: WebAssembly.Memory,
): { setup: readonly Call[]; run: readonly Call[] } {
  const kernels = header.kernels.map((name) => {
    const kernel = Object.hasOwn(exports, name) ? exports[name] : undefined;
    if (typeof kernel === "function") return kernel as Kernel;
    throw new FormatError(op, `the program calls kernel "${name}", which there is not`);
  });
  const bytes = new Uint8Array(memory.buffer);
  const callOf = (step: ProgramStep): Call => {
    const [what, ...operands] = step;
    const args = operands.map(Number);
    const [to = Number.NaN, from = Number.NaN, count = Number.NaN] = args;
    if (what === COPY || what === EXPECT) {
      const inside = (at: number): boolean => at >= 0 && at + count <= bytes.length;
      if (args.length !== 3 || !args.every(Number.isInteger) || count < 0 || !inside(to) || !inside(from)) {
        throw new FormatError(op, `a step copies ${count} bytes from ${from} to ${to}; the memory has ${bytes.length}`);
      }
      return what === COPY
        ? () => void bytes.copyWithin(to, from, from + count)
        : () => expectSame(bytes, to, from, count);
    }
    const kernel = kernels[what];
    if (kernel === undefined) throw new FormatError(op, `a step calls kernel ${what} of ${kernels.length}`);
    if (args.length === kernel.length) return () => void kernel(...args);
    if (args.length !== kernel.length + 1) {
      throw new FormatError(op, `"${header.kernels[what]}" gets ${args.length} arguments; expected ${kernel.length}`);
    }
    const expected = args.pop()!;
    return () => {
      const result = kernel(...args);
      if (result !== expected) throw led(`${header.kernels[what]} says ${result}; expected ${expected}`);
    };
  };
  return { setup: header.setup.map(callOf), run: header.steps.map(callOf) };
}

function expectSame(bytes: Uint8Array, at: number, as: number, count: number): void {
  for (let i = 0; i < count; i++) {
    if (bytes[at + i] !== bytes[as + i]) throw led("a value that the model reads is another one");
  }
}

/** The program would have to take a way that it does not have. */
function led(how: string): RuntimeError {
  return new RuntimeError(
    "run",
    `the inputs lead another way than those that the program was compiled for: ${how} (an index out of range, or values that the model's code looks at)`,
  );
}
