import { expect, test } from "vitest";
import { setBackend, type Tensor, tensor } from "../../src/node.js";
import type { Arg, Elem } from "../../src/onnx/handler.js";
import { operators } from "../../src/onnx/ops/index.js";
import { type AttributeValue, type NodeOptions, runArgs } from "./onnx.js";

/** ONNX's own operators. */
export const table = operators.get("")!;

/** What an operator gives for one call. */
export interface Row {
  readonly op: string;
  /** What the row shows. */
  readonly of: string;
  readonly inputs: readonly (Tensor | Arg | null)[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly options?: NodeOptions;
  /** Element type and values of each output that is looked at. */
  readonly want: readonly (readonly [Elem, unknown])[];
}

export function truths(...values: readonly boolean[]): Tensor {
  return tensor(values);
}

/** One test for each row, on both back ends. */
export function testRows(rows: readonly Row[]): void {
  const calls = rows.flatMap((row) =>
    (["js", "wasm"] as const).map((backend) => [row.op, row.of, backend, row] as const),
  );
  test.each(calls)("%s of %s on %s", (_, __, backend, { op, inputs, attributes, options, want }) => {
    setBackend(backend);
    const got = runArgs(table, op, inputs, attributes, options);
    expect(got.slice(0, want.length).map(({ elem, tensor: t }) => [elem, t.tolist()])).toEqual(want);
  });
}
