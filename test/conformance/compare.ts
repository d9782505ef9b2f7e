// When two tensors are equal: the rules of FORMAT.md.
import type { DType } from "quadlane";
import type { Tolerance } from "./cases.js";

/** A tensor outside the library: what the golden files hold, and what results are copied into before they are compared. */
export interface Golden {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: ArrayLike<number>;
}

/** Something that is not as it should be, in words. */
export interface Finding {
  /** Which value: `outputs[0]`, `gradState.weight` … */
  readonly what: string;
  readonly text: string;
}

/**
 * Null if `got` is `want`: the same shape, and each element within atol + rtol·|want|, NaN equal to NaN and an infinity to the same
 * infinity. Integers and booleans must be equal by value.
 */
export function compareTensors(what: string, got: Golden, want: Golden, tolerance: Tolerance): Finding | null {
  if (got.shape.length !== want.shape.length || got.shape.some((n, d) => n !== want.shape[d])) {
    return { what, text: `shape [${got.shape.join(", ")}]; expected [${want.shape.join(", ")}]` };
  }
  const exact = want.dtype !== "float32";
  let wrong = 0;
  let worst = -1;
  let worstExcess = 0;
  for (let i = 0; i < want.data.length; i++) {
    const excess = excessOf(got.data[i]!, want.data[i]!, exact ? EXACT : tolerance);
    if (excess <= 1) continue;
    wrong++;
    if (excess > worstExcess) {
      worst = i;
      worstExcess = excess;
    }
  }
  if (worst < 0) return null;
  const g = got.data[worst]!;
  const w = want.data[worst]!;
  const at = `[${indexOf(worst, want.shape).join(", ")}]`;
  return { what, text: `${differenceOf(g, w)} at ${at}; ${wrong} of ${want.data.length} elements differ` };
}

/** The same for a list of plain numbers. */
export function compareNumbers(
  what: string,
  got: readonly number[],
  want: readonly number[],
  tolerance: Tolerance,
): Finding | null {
  const vector = (data: readonly number[]): Golden => ({ shape: [data.length], dtype: "float32", data });
  return compareTensors(what, vector(got), vector(want), tolerance);
}

const EXACT: Tolerance = { rtol: 0, atol: 0 };

/** |got − want| in units of what is allowed: above 1 is too much. */
function excessOf(got: number, want: number, { rtol, atol }: Tolerance): number {
  if (Object.is(got, want) || got === want) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(want)) return Infinity;
  const allowed = atol + rtol * Math.abs(want);
  return allowed === 0 ? Infinity : Math.abs(got - want) / allowed;
}

function differenceOf(got: number, want: number): string {
  const abs = Math.abs(got - want);
  const rel = abs / Math.abs(want);
  return `absolute error ${abs.toExponential(2)}, relative ${rel.toExponential(2)}: ${got}, expected ${want}`;
}

function indexOf(flat: number, shape: readonly number[]): number[] {
  const index = shape.map(() => 0);
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = flat % shape[d]!;
    flat = Math.floor(flat / shape[d]!);
  }
  return index;
}
