// Prompts of language models: rows of tokens.
import { makeTensor } from "../creation.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { adopt, Tensor } from "../tensor.js";

/** Tokens of one sequence or several: int32 [T] or [N, T], a list of numbers, or a list of lists, which may differ in length. */
export type Prompt = Tensor | ArrayLike<number> | readonly ArrayLike<number>[];

/** What is read at once, rows of one length, and what each row has beyond that. */
export interface PromptParts {
  readonly rows: readonly number[][];
  readonly rest: readonly number[][];
}

/**
 * The rows of a prompt, cut at the length of the shortest. Errors: ArgumentError for a prompt without rows, a row without tokens or with
 * something else than integers; DTypeError or ShapeError for a tensor of another kind.
 */
export function splitPrompt(op: string, prompt: Prompt): PromptParts {
  const rows = rowsOf(op, prompt);
  if (rows.length === 0) throw new ArgumentError(op, "prompt has no rows; expected at least one");
  for (const [i, row] of rows.entries()) {
    if (row.length === 0) throw new ArgumentError(op, `row ${i} of the prompt is empty; expected at least one token`);
    const wrong = row.findIndex((token) => !Number.isInteger(token) || token < 0);
    if (wrong >= 0) {
      throw new ArgumentError(op, `token ${wrong} of row ${i} is ${String(row[wrong])}; expected an integer from 0 on`);
    }
  }
  const shortest = Math.min(...rows.map((row) => row.length));
  return { rows: rows.map((row) => row.slice(0, shortest)), rest: rows.map((row) => row.slice(shortest)) };
}

function rowsOf(op: string, prompt: Prompt): number[][] {
  if (!(prompt instanceof Tensor)) {
    const list: readonly unknown[] = Array.from(prompt as ArrayLike<unknown>);
    const nested = typeof list[0] === "object";
    return (nested ? list : list.length === 0 ? [] : [list]).map((row) => Array.from(row as ArrayLike<number>));
  }
  const [shape, what] = [prompt.shape, `prompt ${formatShape(prompt.shape)}`];
  if (prompt.dtype !== "int32") throw new DTypeError(op, `${what} is ${prompt.dtype}; expected int32`);
  if (shape.length !== 1 && shape.length !== 2) throw new ShapeError(op, `${what}; expected [T] or [N, T]`);
  const [length, values] = [shape.at(-1)!, prompt.data()];
  return Array.from({ length: shape.length === 1 ? 1 : shape[0]! }, (_, i) =>
    Array.from(values.subarray(i * length, (i + 1) * length)),
  );
}

/** Rows of one length as a tensor [N, T]. */
export function tokenTensor(rows: readonly ArrayLike<number>[]): Tensor {
  const flat = Int32Array.from(rows.flatMap((row) => Array.from(row)));
  return adopt(makeTensor(flat, { shape: [rows.length, rows[0]?.length ?? 0] }));
}

/** Integers, one for each row, as a tensor [N]. */
export function integers(values: Int32Array): Tensor {
  return adopt(makeTensor(values));
}
