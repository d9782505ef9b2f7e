// Calls of operators as models of one node.
import type { Tensor } from "../../src/node.js";
import type { Elem } from "../../src/onnx/handler.js";
import type { NodeProto } from "../../src/onnx/messages.js";
import { initializer, modelBytes, node, value } from "./onnx-model.js";

export interface Operand {
  readonly tensor: Tensor;
  readonly elem: Elem;
  /** An initializer of the model, not an input. */
  readonly constant: boolean;
}

export interface ContribCase {
  readonly op: string;
  /** What the case shows. */
  readonly of: string;
  /** Default "com.microsoft". */
  readonly domain?: string;
  /** Of ONNX's own operators. Default 17. */
  readonly opset?: number;
  readonly inputs: readonly (Operand | null)[];
  readonly attributes?: Parameters<typeof node>[3];
  /** By output; null for one that is not named. */
  readonly want: () => readonly (Tensor | null)[];
}

/** Floats are float32, integers int32 unless another type is told. */
export function operand(t: Tensor, elem: Elem = t.dtype === "int32" ? "int32" : t.dtype, constant = false): Operand {
  return { tensor: t, elem, constant };
}

/** A model of the one node. Inputs are called x0, x1 …, outputs y0, y1 … */
export function contribModel(
  { op, domain = "com.microsoft", opset = 17, inputs, attributes }: ContribCase,
  outputs: readonly (Tensor | null)[],
): Uint8Array {
  const given = inputs.map((x, i) => (x === null ? null : { ...x, name: `x${i}` }));
  const inNames = given.map((x) => x?.name ?? "");
  const outNames = outputs.map((y, i) => (y === null ? "" : `y${i}`));
  const proto: NodeProto = node(op, inNames, outNames, attributes, { domain });
  return modelBytes(
    {
      node: [proto],
      name: "contrib",
      input: given.flatMap((x) => (x === null || x.constant ? [] : [value(x.name, x.tensor.shape, x.elem)])),
      initializer: given.flatMap((x) => (x?.constant ? [initializer(x.name, x.tensor, x.elem)] : [])),
      output: outNames.flatMap((name, i) => {
        const y = outputs[i];
        return y ? [value(name, y.shape, y.dtype === "int32" ? "int32" : y.dtype)] : [];
      }),
    },
    {
      opsetImport: [
        { domain: "", version: opset },
        { domain: "com.microsoft", version: 1 },
      ],
    },
  );
}

/** The tensors that a case feeds, in order. */
export function feedsOf({ inputs }: ContribCase): Tensor[] {
  return inputs.flatMap((x) => (x === null || x.constant ? [] : [x.tensor]));
}
