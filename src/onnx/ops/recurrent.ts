import { type PackedSequence, packPaddedSequence, padPackedSequence, reorder } from "../../nn/packed.js";
import { cat, narrow, permute, reshape, select, transpose } from "../../ops/copy.js";
import { stack } from "../../ops/rearrange.js";
import type { LayerAttrs } from "../../ops/recurrent.js";
import { gruLayer } from "../../ops/recurrent_gru.js";
import { lstmLayer } from "../../ops/recurrent_lstm.js";
import { rnnLayer } from "../../ops/recurrent_rnn.js";
import type { Tensor } from "../../tensor.js";
import { as, type Inputs, maybeAt, needed, numbersAt, tensorAt, wordOf } from "../arguments.js";
import type { Arg, Handler, NodeView, OperatorTable } from "../handler.js";
import { activationsOf, DEFAULT_ACTIVATIONS } from "../recurrent_activations.js";
import { type Direction, type Kind, runSteps } from "../recurrent_steps.js";

// RNN, GRU and LSTM: x [T, N, I] → Y [T, D, N, H] and the last states [D, N, H], D directions. A direction whose configuration PyTorch has
// too is one fused op; others walk the steps one by one.

const KINDS: readonly Kind[] = [
  { op: "RNN", order: [0] },
  // ONNX has update, reset, hidden; PyTorch reset, update, new.
  { op: "GRU", order: [1, 0, 2] },
  // ONNX has input, output, forget, cell; PyTorch input, forget, cell, output.
  { op: "LSTM", order: [0, 2, 3, 1] },
];

/** Rows of all gates, [G·H, …], in another order of the gates. */
function reordered(rows: Tensor, { order }: Kind): Tensor {
  if (order.every((from, to) => from === to)) return rows;
  const hidden = rows.size(0) / order.length;
  return cat(
    order.map((from) => narrow(rows, 0, from * hidden, hidden)),
    0,
  );
}

/** The directions of a node, in the order of its weights. */
function directionsOf(node: NodeView, kind: Kind, inputs: Inputs): Direction[] {
  const word = wordOf(node, "direction", "forward", ["forward", "reverse", "bidirectional"]);
  const reversed = { forward: [false], reverse: [true], bidirectional: [false, true] }[word];
  const [w, r] = [tensorAt(node, inputs, 1), tensorAt(node, inputs, 2)];
  const b = maybeAt(inputs, 3);
  const peepholes = kind.op === "LSTM" ? maybeAt(inputs, 7) : null;
  const gates = kind.order.length;
  for (const [what, t] of [["W", w] as const, ["R", r] as const]) {
    if (t.ndim !== 3 || t.shape[0] !== reversed.length || t.shape[1]! % gates !== 0 || t.shape[1] !== w.shape[1]) {
      throw node.fail(`${what} is [${t.shape.join(", ")}]; expected [${reversed.length}, ${gates}·hidden_size, …]`);
    }
  }
  const hidden = node.int("hidden_size", w.size(1) / gates);
  if (w.shape[1] !== gates * hidden) throw node.fail(`W is [${w.shape.join(", ")}]; hidden_size is ${hidden}`);
  const activations = activationsOf(node, DEFAULT_ACTIVATIONS[kind.op], reversed.length);
  return reversed.map((reverse, d) => {
    const bias = b === null ? null : select(b, 0, d);
    const half = (place: number): Tensor | null =>
      bias === null ? null : reordered(narrow(bias, 0, place * gates * hidden, gates * hidden), kind);
    return {
      kind,
      reverse,
      weights: {
        weightIh: reordered(select(w, 0, d), kind),
        weightHh: reordered(select(r, 0, d), kind),
        biasIh: half(0),
        biasHh: half(1),
        weightHr: null,
      },
      peepholes: peepholes === null ? null : select(peepholes, 0, d),
      activations: activations[d]!,
      clip: node.has("clip") ? node.float("clip") : null,
      inputForget: node.int("input_forget", 0) !== 0,
      resetAfter: node.int("linear_before_reset", 0) !== 0,
    };
  });
}

type Fused = (rows: Tensor, states: readonly (Tensor | null)[], order: LayerAttrs) => readonly Tensor[];

/** The fused op for a direction, or null if PyTorch does not have its configuration. */
function fusedOf({ kind, weights, peepholes, activations, clip, inputForget, resetAfter }: Direction): Fused | null {
  if (peepholes !== null || clip !== null || inputForget) return null;
  const names = activations.map(({ name }) => name).join(" ");
  if (kind.op === "RNN") {
    if (names !== "tanh" && names !== "relu") return null;
    return (rows, [h = null], order) => rnnLayer(rows, weights, h, { ...order, relu: names === "relu" });
  }
  if (names !== DEFAULT_ACTIVATIONS[kind.op].join(" ").toLowerCase()) return null;
  if (kind.op === "GRU") return (rows, [h = null], order) => gruLayer(rows, weights, h, { ...order, resetAfter });
  return (rows, [h = null, c = null], order) => lstmLayer(rows, weights, h, c, order);
}

/** One direction: x [T, N, I] → y [T, N, H] and the last states [N, H]. */
function runDirection(
  direction: Direction,
  x: Tensor,
  states: readonly (Tensor | null)[],
  lengths: number[] | null,
): readonly Tensor[] {
  const fused = fusedOf(direction);
  if (fused === null) return runSteps(direction, x, states, lengths);
  const { kind, reverse } = direction;
  const [steps, batch, features] = x.shape as [number, number, number];
  if (lengths === null) {
    const order = { op: kind.op, steps, batch, batchSizes: null, reverse };
    const [rows, ...last] = fused(reshape(x, [steps * batch, features]), states, order);
    return [reshape(rows!, [steps, batch, rows!.size(1)]), ...last];
  }
  const packed = packPaddedSequence(x, lengths, { enforceSorted: false });
  const { batchSizes, sortedIndices, unsortedIndices } = packed;
  const given = sortedIndices === null ? states : states.map((s) => s && reorder(s, 0, sortedIndices));
  const order = { op: kind.op, steps: batchSizes.length, batch, batchSizes, reverse };
  const [data, ...last] = fused(packed.data, given, order);
  const result: PackedSequence = { ...packed, data: data! };
  const [y] = padPackedSequence(result, { totalLength: steps });
  return [y, ...(unsortedIndices === null ? last : last.map((s) => reorder(s, 0, unsortedIndices)))];
}

/** The lengths of the sequences, or null if all of them fill all steps. */
function lengthsOf(node: NodeView, inputs: Inputs, steps: number, batch: number): number[] | null {
  const lengths = numbersAt(inputs, 4);
  if (lengths === null || (lengths.length === batch && lengths.every((n) => n === steps))) return null;
  if (lengths.length !== batch || lengths.some((n) => n < 1 || n > steps)) {
    throw node.fail(`sequence_lens is [${lengths.join(", ")}]; expected ${batch} lengths from 1 to ${steps}`);
  }
  return lengths;
}

function recurrent(kind: Kind): Handler {
  return (node, inputs) => {
    const given = needed(node, inputs, 0);
    const batchFirst = node.int("layout", 0) !== 0;
    if (given.tensor.ndim !== 3) throw node.fail(`X is [${given.tensor.shape.join(", ")}]; expected three dimensions`);
    const x = batchFirst ? transpose(given.tensor, 0, 1) : given.tensor;
    const [steps, batch] = x.shape as [number, number, number];
    if (steps === 0) throw node.fail("X has no steps; expected at least one");
    const lengths = lengthsOf(node, inputs, steps, batch);
    const initial = (kind.op === "LSTM" ? [5, 6] : [5]).map((place) => {
      const state = maybeAt(inputs, place);
      return state !== null && batchFirst ? transpose(state, 0, 1) : state;
    });
    const results = directionsOf(node, kind, inputs).map((direction, d) =>
      runDirection(
        direction,
        x,
        initial.map((s) => s && select(s, 0, d)),
        lengths,
      ),
    );
    const stacked = results[0]!.map((_, i) =>
      stack(
        results.map((r) => r[i]!),
        i === 0 ? 1 : 0,
      ),
    );
    // [T, D, N, H] → [N, T, D, H], and [D, N, H] → [N, D, H].
    const ordered = stacked.map((t, i) => {
      if (!batchFirst) return t;
      return i === 0 ? permute(t, [2, 0, 1, 3]) : transpose(t, 0, 1);
    });
    return ordered.map((t): Arg => as(given, t));
  };
}

const ATTRIBUTES = ["activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "layout"];

const MORE: Readonly<Record<Kind["op"], readonly string[]>> = {
  RNN: [],
  GRU: ["linear_before_reset"],
  LSTM: ["input_forget"],
};

/** Recurrent layers. */
export const recurrentLayers: OperatorTable = Object.fromEntries(
  KINDS.map((kind) => [kind.op, [{ since: 7, attributes: [...ATTRIBUTES, ...MORE[kind.op]], run: recurrent(kind) }]]),
);
