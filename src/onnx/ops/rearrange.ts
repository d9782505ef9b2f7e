import { arange } from "../../creation.js";
import * as F from "../../functional/index.js";
import { as, type Inputs, needed, tensorAt, wordOf } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

function runDepthToSpace(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const b = node.int("blocksize");
  const [n, c, h, w] = x.tensor.shape as [number, number, number, number];
  // DCR: blocks are outside of the channels, CRD: inside.
  const inside = wordOf(node, "mode", "DCR", ["DCR", "CRD"]) === "CRD";
  const split = inside ? [n, c / b ** 2, b, b, h, w] : [n, b, b, c / b ** 2, h, w];
  const dims = inside ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  const blocks = F.permute(F.reshape(x.tensor, { shape: split }), { dims });
  return [as(x, F.reshape(blocks, { shape: [n, c / b ** 2, h * b, w * b] }))];
}

function runSpaceToDepth(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const b = node.int("blocksize");
  const [n, c, h, w] = x.tensor.shape as [number, number, number, number];
  const blocks = F.reshape(x.tensor, { shape: [n, c, h / b, b, w / b, b] });
  return [as(x, F.reshape(F.permute(blocks, { dims: [0, 3, 5, 1, 2, 4] }), { shape: [n, c * b * b, h / b, w / b] }))];
}

/** Reverses the first elements of each sequence, as many as its length says. */
function runReverseSequence(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const batch = node.int("batch_axis", 1);
  const time = node.int("time_axis", 0);
  const shaped = (axis: number): number[] => x.tensor.shape.map((n, d) => (d === axis ? n : 1));
  const steps = F.reshape(arange(x.tensor.size(time), { dtype: "int32" }), { shape: shaped(time) });
  const lengths = F.reshape(tensorAt(node, inputs, 1), { shape: shaped(batch) });
  const from = F.where(F.lt(steps, lengths), F.sub(F.sub(lengths, 1), steps), steps);
  return [as(x, F.takeAlongDim(x.tensor, from, { dim: time }))];
}

/** Other orders of the same elements. */
export const rearrangements: OperatorTable = {
  DepthToSpace: [
    { since: 1, attributes: ["blocksize"], run: runDepthToSpace },
    { since: 11, attributes: ["blocksize", "mode"], run: runDepthToSpace },
  ],
  SpaceToDepth: [{ since: 1, attributes: ["blocksize"], run: runSpaceToDepth }],
  ReverseSequence: [{ since: 10, attributes: ["batch_axis", "time_axis"], run: runReverseSequence }],
};
