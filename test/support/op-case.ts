import type { DType, Tensor } from "../../src/node.js";
import type { Nd } from "./nd.js";

/** How to make one input. Floats are uniform in [low, high) from a fixed seed, unless `values` are given. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  /** Default −1 for float32, 0 for int32. */
  readonly low?: number;
  /** Default 1 for float32, 10 for int32 (exclusive). */
  readonly high?: number;
  readonly values?: ArrayLike<number>;
  /** Check ∂/∂this. Default: true for float32. */
  readonly grad?: boolean;
}

/** One call of an op. */
export interface Sample<Options = unknown> {
  readonly name: string;
  readonly inputs: readonly (InputSpec | null)[];
  readonly options?: Options;
  /** Compare values only: for NaN, infinities, kinks and sizes where differences would take too long. */
  readonly forwardOnly?: boolean;
}

/** A call that must be refused. */
export interface ErrorSample<Options = unknown> {
  readonly name: string;
  readonly inputs: readonly (InputSpec | null)[];
  readonly options?: Options;
  /** Substrings of the message; the error must be a QuadlaneError. */
  readonly message: readonly string[];
}

/** One call that `npm run bench` times. */
export interface BenchSize<Options = unknown> {
  /** One of its own in the row. */
  readonly name: string;
  readonly inputs: readonly (InputSpec | null)[];
  readonly options?: Options;
  /** Floating-point operations of a call; a multiply-add counts two. */
  readonly flops?: number;
  /** Bytes that a call must read and write at least, where those are what takes the time; 0 for a view. */
  readonly bytes?: number;
}

/**
 * The one row of data that tests and benches of an op are made from. The runner drives each sample on both back ends with contiguous
 * and with permuted inputs: values against `oracle` in float64, gradients against central differences of `oracle`, wasm against js,
 * and counts live blocks before and after.
 */
export interface OpCase<Options = unknown> {
  /** Name in `functional`, and the first word of the test's name. */
  readonly name: string;
  /** Exported op objects (from src/ops) that this row covers, by their `name`. */
  readonly ops: readonly string[];
  /** Calls the op. */
  run(inputs: readonly (Tensor | null)[], options: Options): Tensor | readonly Tensor[];
  /** The same in float64 and plain loops. For float outputs it must be smooth in the samples' domain. */
  oracle(inputs: readonly (Nd | null)[], options: Options): Nd | readonly Nd[];
  readonly samples: readonly Sample<Options>[];
  readonly errors?: readonly ErrorSample<Options>[];
  /** |got − want| ≤ atol + rtol·|want|. Defaults 1e-5, 1e-5 for values; 1e-3, 1e-4 for gradients. */
  readonly rtol?: number;
  readonly atol?: number;
  readonly gradRtol?: number;
  readonly gradAtol?: number;
  /** Sizes for `npm run bench`. */
  readonly bench?: readonly BenchSize<Options>[];
}

/** Keeps the types of one row while rows of different options share a list. */
export function opCase<Options>(row: OpCase<Options>): OpCase<never> {
  return row as OpCase<never>;
}
