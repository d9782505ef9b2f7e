// What the models of sequences have in common. N batch, T steps, L layers, D directions, H features of a state.
import { checkDType, checkInteger, checkRank } from "../check.js";
import { makeTensor } from "../creation.js";
import { ShapeError } from "../errors.js";
import { reshape } from "../functional/copy.js";
import { indexSelect } from "../functional/rows.js";
import { type Lengths, lengthsOf } from "../nn/packed.js";
import {
  GRU,
  LSTM,
  type LstmState,
  type RecurrentForwardOptions,
  type RecurrentOptions,
  RNN,
} from "../nn/recurrent.js";
import { formatShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";

/** A recurrent layer's kind. */
export type CellKind = "lstm" | "gru" | "rnn";

export const CELL_KINDS: readonly CellKind[] = ["lstm", "gru", "rnn"];

/** State of a recurrent layer: [h], or [h, c] of an LSTM, each [L · D, N, H]. */
export type CellState = readonly Tensor[];

/** A recurrent layer of any kind, batch first. Keys: weight_ih_l0, … */
export type CellLayer = GRU | LSTM | RNN;

const CELLS = { lstm: LSTM, gru: GRU, rnn: RNN };

export function cellLayer(
  kind: CellKind,
  inputSize: number,
  hiddenSize: number,
  options: Omit<RecurrentOptions, "batchFirst">,
): CellLayer {
  return new CELLS[kind](inputSize, hiddenSize, { ...options, batchFirst: true });
}

/** Runs a layer on x [N, T, inputSize] whatever its kind: the outputs [N, T, D · H] and the last state; null begins with zeros. */
export function runCell(
  layer: CellLayer,
  x: Tensor,
  state: CellState | null = null,
  options: RecurrentForwardOptions = {},
): [y: Tensor, state: CellState] {
  if (layer instanceof LSTM) return layer.forward(x, state as LstmState | null, options);
  const [y, h] = layer.forward(x, state?.[0] ?? null, options);
  return [y, [h]];
}

/** Words: int32 [N, T], T at least 1. */
export function checkTokens(op: string, what: string, x: Tensor): void {
  checkDType(op, what, x, "int32");
  checkRank(op, what, x.shape, 2);
  if (x.size(1) === 0) {
    throw new ShapeError(op, `${what} ${formatShape(x.shape)} has no steps; expected a length of at least 1`);
  }
}

/** The number of the word that fills up short sequences, or null. */
export function checkPaddingIdx(op: string, paddingIdx: number | null, words: number): number | null {
  return paddingIdx === null ? null : checkInteger(op, "paddingIdx", paddingIdx, 0, words - 1);
}

/** bool [N, steps], true behind the end of each sequence; null if there are no lengths. */
export function paddingMask(op: string, lengths: Lengths | null, batch: number, steps: number): Tensor | null {
  if (lengths === null) return null;
  const ends = lengthsOf(op, lengths, batch, steps);
  const values = Uint8Array.from({ length: batch * steps }, (_, at) =>
    Number(at % steps >= ends[Math.floor(at / steps)]!),
  );
  return adopt(makeTensor(values, { shape: [batch, steps], dtype: "bool" }));
}

/** The last own step of each sequence of y [N, T, F]: [N, F]. */
export function lastSteps(op: string, y: Tensor, lengths: Lengths | null): Tensor {
  const [batch, steps, features] = y.shape as [number, number, number];
  const ends = lengths === null ? null : lengthsOf(op, lengths, batch, steps);
  const index = Int32Array.from({ length: batch }, (_, n) => n * steps + (ends?.[n] ?? steps) - 1);
  const rows = reshape(y, { shape: [batch * steps, features] });
  return indexSelect(rows, adopt(makeTensor(index)), { dim: 0 });
}

/** How the writing of targets begins. */
export interface SourcePrompt {
  /** int32 [N, S]. */
  readonly source: Tensor;
  /** The word that begins a target. */
  readonly begin: number;
}

/** int32 [N, 1] of one token a row. */
export function tokenColumn(tokens: Int32Array): Tensor {
  return adopt(makeTensor(tokens, { shape: [tokens.length, 1] }));
}

/** Tensors that a decoding keeps from one step to the next, outside of every scope; null for what there is not. */
export class Kept {
  private tensors: readonly (Tensor | null)[] = [];

  /** Keeps others from here on, and frees those of before that are not among them. */
  replace(tensors: readonly (Tensor | null)[]): void {
    for (const t of tensors) t?.keep();
    for (const t of this.tensors) if (!tensors.includes(t)) t?.dispose();
    this.tensors = tensors;
  }

  dispose(): void {
    this.replace([]);
  }
}
