import { makeTensor } from "../creation.js";
import * as F from "../functional/index.js";
import { add, affine, mul, sub } from "../ops/arithmetic.js";
import { where } from "../ops/compare.js";
import { constant, narrow, select } from "../ops/copy.js";
import { linear } from "../ops/matmul.js";
import { stack } from "../ops/rearrange.js";
import { type LayerWeights, sumOfBiases } from "../ops/recurrent.js";
import { adopt, type Tensor } from "../tensor.js";
import type { Activation } from "./recurrent_activations.js";

// One direction of a recurrent layer, step by step over functional ops: what the fused ops do not have.

/** One kind of layer. */
export interface Kind {
  readonly op: "RNN" | "GRU" | "LSTM";
  /** For each gate in PyTorch's order, its place in ONNX's. */
  readonly order: readonly number[];
}

/** What one direction is made of, its gates in PyTorch's order. */
export interface Direction {
  readonly kind: Kind;
  readonly reverse: boolean;
  readonly weights: LayerWeights;
  /** The LSTM's peepholes, [3·H] as input, output, forget. */
  readonly peepholes: Tensor | null;
  readonly activations: readonly Activation[];
  readonly clip: number | null;
  readonly inputForget: boolean;
  readonly resetAfter: boolean;
}

type States = readonly Tensor[];

/** The states after a step, from the input's share of it, [N, G·H]. */
type Cell = (share: Tensor, states: States) => States;

/** Gate k of [N, G·H]. */
function gate(gates: Tensor, k: number, hidden: number): Tensor {
  return narrow(gates, 1, k * hidden, hidden);
}

/** The activations, each behind the clip. */
function clipped({ activations, clip }: Direction): ((x: Tensor) => Tensor)[] {
  return activations.map(
    ({ run }) =>
      (x) =>
        run(clip === null ? x : F.clamp(x, { min: -clip, max: clip })),
  );
}

function rnnCell(direction: Direction): Cell {
  const [f] = clipped(direction) as [(x: Tensor) => Tensor];
  return (share, [h]) => [f(add(share, linear(h!, direction.weights.weightHh, null)))];
}

function gruCell(direction: Direction, hidden: number): Cell {
  const { weights, resetAfter } = direction;
  const [f, g] = clipped(direction) as [(x: Tensor) => Tensor, (x: Tensor) => Tensor];
  const rows = (t: Tensor, from: number, count: number): Tensor => narrow(t, 0, from * hidden, count * hidden);
  const bias = weights.biasHh;
  return (share, [before]) => {
    const h = before!;
    const both = add(
      narrow(share, 1, 0, 2 * hidden),
      linear(h, rows(weights.weightHh, 0, 2), bias && rows(bias, 0, 2)),
    );
    const r = f(gate(both, 0, hidden));
    const z = f(gate(both, 1, hidden));
    const [weight, ownBias] = [rows(weights.weightHh, 2, 1), bias && rows(bias, 2, 1)];
    const product = resetAfter ? mul(r, linear(h, weight, ownBias)) : linear(mul(r, h), weight, ownBias);
    const n = g(add(gate(share, 2, hidden), product));
    return [add(n, mul(z, sub(h, n)))];
  };
}

function lstmCell(direction: Direction, hidden: number): Cell {
  const { weights, peepholes, inputForget } = direction;
  const [f, g, h] = clipped(direction) as [(x: Tensor) => Tensor, (x: Tensor) => Tensor, (x: Tensor) => Tensor];
  const peep = (x: Tensor, k: number, c: Tensor): Tensor =>
    peepholes === null ? x : add(x, mul(narrow(peepholes, 0, k * hidden, hidden), c));
  return (share, [before, cell]) => {
    const gates = add(share, linear(before!, weights.weightHh, null));
    const i = f(peep(gate(gates, 0, hidden), 0, cell!));
    const forget = inputForget ? affine(i, -1, 1) : f(peep(gate(gates, 1, hidden), 2, cell!));
    const c = add(mul(forget, cell!), mul(i, g(gate(gates, 2, hidden))));
    const o = f(peep(gate(gates, 3, hidden), 1, c));
    return [mul(o, h(c)), c];
  };
}

/** x [T, N, I], states [N, H] or null for zeros → y [T, N, H] and the last states. Beyond a sequence's end y is 0 and the states stay. */
export function runSteps(
  direction: Direction,
  x: Tensor,
  initial: readonly (Tensor | null)[],
  lengths: readonly number[] | null,
): Tensor[] {
  const { kind, weights, reverse } = direction;
  const [steps, batch] = x.shape as [number, number, number];
  const hidden = weights.weightHh.size(1);
  const cell = { RNN: rnnCell, GRU: gruCell, LSTM: lstmCell }[kind.op](direction, hidden);
  const bias = kind.op === "GRU" ? weights.biasIh : sumOfBiases(weights);
  const shares = linear(x, weights.weightIh, bias);
  const zeros = constant([batch, hidden], 0);
  let states: States = initial.map((state) => state ?? zeros);
  const outputs = new Array<Tensor>(steps);
  for (let k = 0; k < steps; k++) {
    const t = reverse ? steps - 1 - k : k;
    const after = cell(select(shares, 0, t), states);
    const running = lengths?.map((n) => n > t) ?? null;
    if (running === null || running.every((r) => r)) {
      states = after;
      outputs[t] = after[0]!;
      continue;
    }
    const mask = adopt(makeTensor(running, { shape: [batch, 1] }));
    states = after.map((s, i) => where(mask, s, states[i]!));
    outputs[t] = where(mask, after[0]!, zeros);
  }
  return [stack(outputs, 0), ...states];
}
