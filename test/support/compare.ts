import type { Tensor } from "../../src/node.js";
import type { Nd } from "./nd.js";

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** Throws with the worst element unless shapes agree and |got − want| ≤ atol + rtol·|want| everywhere; NaN equals NaN. */
export function expectClose(what: string, got: Tensor, want: Nd, { rtol, atol }: Tolerance): void {
  if (got.shape.join() !== want.shape.join()) {
    throw new Error(`${what}: shape [${got.shape.join(", ")}]; expected [${want.shape.join(", ")}]`);
  }
  const values = got.data();
  let worst = -1;
  let excess = 0;
  for (let i = 0; i < values.length; i++) {
    const g = values[i]!;
    const w = want.data[i]!;
    if (Object.is(g, w) || g === w || (Number.isNaN(g) && Number.isNaN(w))) continue;
    const e = Number.isFinite(w) ? Math.abs(g - w) - (atol + rtol * Math.abs(w)) : Infinity;
    if (!(e <= excess)) {
      excess = e;
      worst = i;
    }
  }
  if (worst >= 0) {
    throw new Error(
      `${what}: element ${worst} of [${want.shape.join(", ")}] is ${values[worst]}; expected ${want.data[worst]} (rtol ${rtol}, atol ${atol})`,
    );
  }
}
