import type { Dim } from "../../graph/graph.js";
import type { OpAttrs } from "../../ops/recurrent.js";
import { gruClassicOp, gruOp } from "../../ops/recurrent_gru.js";
import { lstmOp } from "../../ops/recurrent_lstm.js";
import { rnnOp } from "../../ops/recurrent_rnn.js";
import type { Attributes } from "../export_proto.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { concat, reshape, squeeze, swapLast, unsqueeze } from "../export_shapes.js";
import type { Name, Writer } from "../export_writer.js";

type Maybe = Name | null;

/** The order of ONNX's gates among PyTorch's. */
const GATES = { LSTM: [0, 3, 1, 2], GRU: [1, 0, 2], RNN: [0] } as const;

/** The rows of all steps, and how they make up sequences [steps, batch, …]. */
interface Rows {
  readonly steps: Dim;
  readonly batch: Dim;
  /** Of how many rows each step is; null if all are of `batch`. */
  readonly batchSizes: readonly number[] | null;
}

function rowsOf({ attrs, node: { symbolic = [] } }: Site<OpAttrs>): Rows {
  const size = (key: "steps" | "batch"): Dim => symbolic.find(({ path }) => path[0] === key)?.size ?? attrs[key];
  return { steps: size("steps"), batch: size("batch"), batchSizes: attrs.batchSizes };
}

/** Rows [R, n] as [steps, batch, n]; where a sequence has ended stands any row. */
function toSteps(to: Writer, x: Name, { steps, batch, batchSizes }: Rows, width: number): Name {
  if (batchSizes === null) return reshape(to, x, [steps, batch, width]);
  let start = 0;
  const places = batchSizes.flatMap((count) => {
    const row = Array.from({ length: Number(batch) }, (_, n) => (n < count ? start + n : 0));
    start += count;
    return row;
  });
  const index = to.literal("int64", [batchSizes.length, Number(batch)], places);
  return to.op("Gather", [x, index], { axis: 0 });
}

/** And back, from [steps, batch, n]. */
function fromSteps(to: Writer, y: Name, { batch, batchSizes }: Rows, width: number): Name {
  const flat = reshape(to, y, [-1, width]);
  if (batchSizes === null) return flat;
  const places = batchSizes.flatMap((count, t) => Array.from({ length: count }, (_, n) => t * Number(batch) + n));
  return to.op("Gather", [flat, to.ints(places)], { axis: 0 });
}

/** How many steps each sequence has, int32 [batch]; null if all have all. */
function lengths(to: Writer, { batch, batchSizes }: Rows): Maybe {
  if (batchSizes === null) return null;
  const of = Array.from({ length: Number(batch) }, (_, n) => batchSizes.filter((count) => count > n).length);
  return to.literal("int32", [of.length], of);
}

interface Layer {
  readonly opType: keyof typeof GATES;
  readonly attributes: Attributes;
  readonly weights: readonly [x: Name, weightIh: Name, weightHh: Name];
  /** Of the input's share and of the hidden one. */
  readonly biases: readonly [Maybe, Maybe];
  /** States before the first step [N, H]. */
  readonly states: readonly Maybe[];
}

/** One layer in one direction → y [R, H], h and, of an LSTM, c [N, H]. */
function layer(to: Writer, site: Site<OpAttrs>, { opType, attributes, weights, biases, states }: Layer): Name[] {
  const rows = rowsOf(site);
  const order = GATES[opType];
  const [width, hidden] = site.value(2).shape as [number, number];
  const arranged = (w: Name): Name => {
    if (order.length === 1) return unsqueeze(to, w, [0]);
    const places = order.flatMap((gate) => Array.from({ length: hidden }, (_, i) => gate * hidden + i));
    return unsqueeze(to, to.op("Gather", [w, to.ints(places)], { axis: 0 }), [0]);
  };
  const [x, weightIh, weightHh] = weights;
  const zeros = (): Name => to.literal("float32", [1, width], new Array<number>(width).fill(0));
  const bias = biases.every((b) => b === null)
    ? null
    : concat(
        to,
        biases.map((b) => (b === null ? zeros() : arranged(b))),
        1,
      );
  const input = toSteps(to, x, rows, site.value(0).shape[1]!);
  const initial = states.map((state) => state && unsqueeze(to, state, [0]));
  const operands = [input, arranged(weightIh), arranged(weightHh), bias, lengths(to, rows), ...initial];
  const direction = site.attrs.reverse ? "reverse" : "forward";
  const outputs = opType === "LSTM" ? 3 : 2;
  const [y, ...last] = to.emit(opType, operands, { hidden_size: hidden, direction, ...attributes }, outputs);
  return [fromSteps(to, y!, rows, hidden), ...last.map((state) => squeeze(to, state, [0]))];
}

/** ONNX's LSTM has no projection: a scan over the steps in which a row that has ended keeps its state. */
function projected(to: Writer, site: Site<OpAttrs>): Name[] {
  const rows = rowsOf(site);
  const { steps, batch, batchSizes } = rows;
  const [x = null, weightIh = null, weightHh = null, bias = null, projection = null, h0 = null, c0 = null] = site.x;
  const [width, size] = site.value(2).shape as [number, number];
  const hidden = width / 4;
  const product = to.op("MatMul", [x, swapLast(to, weightIh!, 2)]);
  const share = toSteps(to, bias === null ? product : to.op("Add", [product, bias]), rows, width);
  const start = (state: Maybe, n: number): Name => state ?? to.op("Expand", [to.scalar(0), to.sizes([batch, n])]);
  const [recurrent, project] = [swapLast(to, weightHh!, 2), swapLast(to, projection!, 2)];
  const [h, c, gates, alive] = ["h", "c", "gates", "alive"].map((word) => to.fresh(word)) as [Name, Name, Name, Name];
  const mask = batchSizes?.flatMap((count) => Array.from({ length: Number(batch) }, (_, n) => (n < count ? 1 : 0)));
  const body = to.body([h, c, gates, ...(mask === undefined ? [] : [alive])], () => {
    const sums = to.op("Add", [gates, to.op("MatMul", [h, recurrent])]);
    const [i, f, g, o] = to.emit("Split", [sums, to.ints(new Array<number>(4).fill(hidden))], { axis: 1 }, 4) as Name[];
    const gate = (name: Name | undefined): Name => to.op("Sigmoid", [name!]);
    const kept = to.op("Mul", [gate(f), c]);
    const cell = to.op("Add", [kept, to.op("Mul", [gate(i), to.op("Tanh", [g!])])]);
    const full = to.op("Mul", [gate(o), to.op("Tanh", [cell])]);
    const state = to.op("MatMul", [full, project]);
    const ended = (now: Name, before: Name): Name => (mask === undefined ? now : to.op("Where", [alive, now, before]));
    const next = ended(state, h);
    return [next, ended(cell, c), to.op("Identity", [next])];
  });
  const direction = site.attrs.reverse ? 1 : 0;
  const flags = mask && to.literal("bool", [Number(steps), Number(batch), 1], mask);
  const scans = flags === undefined ? [share] : [share, flags];
  const [last, cell, y] = to.emit(
    "Scan",
    [start(h0, size), start(c0, hidden), ...scans],
    {
      body: { graph: body },
      num_scan_inputs: scans.length,
      scan_input_directions: scans.map(() => direction),
      scan_output_directions: [direction],
    },
    3,
  );
  return [fromSteps(to, y!, rows, size), last!, cell!];
}

function lstm(to: Writer, site: Site<OpAttrs>): Name[] {
  const [x, weightIh, weightHh, bias = null, projection = null, h0 = null, c0 = null] = site.x;
  if (projection !== null) return projected(to, site);
  return layer(to, site, {
    opType: "LSTM",
    attributes: {},
    weights: [x!, weightIh!, weightHh!],
    biases: [bias, null],
    states: [h0, c0].some((state) => state !== null) ? [h0, c0] : [],
  });
}

function gru(resetAfter: boolean) {
  return (to: Writer, site: Site<OpAttrs>): Name[] => {
    const [x, weightIh, weightHh, bias = null, ...rest] = site.x;
    const [biasHh = null, h0 = null] = resetAfter ? rest : [null, rest[0]];
    return layer(to, site, {
      opType: "GRU",
      attributes: { linear_before_reset: resetAfter ? 1 : 0 },
      weights: [x!, weightIh!, weightHh!],
      biases: [bias, biasHh],
      states: [h0],
    });
  };
}

function rnn(to: Writer, site: Site<OpAttrs & { readonly relu: boolean }>): Name[] {
  const [x, weightIh, weightHh, bias = null, h0 = null] = site.x;
  return layer(to, site, {
    opType: "RNN",
    attributes: { activations: [site.attrs.relu ? "Relu" : "Tanh"] },
    weights: [x!, weightIh!, weightHh!],
    biases: [bias, null],
    states: [h0],
  });
}

const SIZES = ["steps", "batch"];

export const recurrences: readonly Rule[] = [
  rule(lstmOp, lstm, SIZES),
  rule(gruOp, gru(true), SIZES),
  rule(gruClassicOp, gru(false), SIZES),
  rule(rnnOp, rnn, SIZES),
];
