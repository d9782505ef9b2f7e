// Columns for the gradient of the weights: what each tap of a kernel reads, packed into the panels of gemm.ts.
import { PANEL, panelBytes, STEP } from "./panels";
import { Lanes, LANES_BYTES } from "./window";

/**
 * Panels of taps for `depth` outputs, `next` bytes apart: the transpose of what the forward pass packs. What is written past the last
 * output of a panel, up to three steps, is for the outputs behind it to overwrite.
 */
export function packTaps(panels: usize, image: usize, taps: usize, n: i32, places: usize, depth: i32, next: usize): void {
  for (let j = 0; j < n; j += PANEL) {
    for (let i = 0; i < min(PANEL, n - j); i += 4) {
      packFourTaps(panels + (<usize>i << 2), image, taps, n - j - i, places, depth);
      taps += 16;
    }
    panels += next;
  }
}

/** Four columns of a panel. If there are fewer than four taps, the first stands in for the others, whose sums nobody stores. */
function packFourTaps(panel: usize, image: usize, taps: usize, n: i32, places: usize, depth: i32): void {
  const t0 = image + load<usize>(taps);
  const t1 = n > 1 ? image + load<usize>(taps, 4) : t0;
  const t2 = n > 2 ? image + load<usize>(taps, 8) : t0;
  const t3 = n > 3 ? image + load<usize>(taps, 12) : t0;
  for (const end = panel + panelBytes(depth); panel < end; panel += 4 * STEP) {
    const at = changetype<Lanes>(places);
    places += LANES_BYTES;
    if (at.lane3 == at.lane0 + 12) {
      transpose(panel, v128.load(t0 + at.lane0), v128.load(t1 + at.lane0), v128.load(t2 + at.lane0), v128.load(t3 + at.lane0));
    } else {
      gather(panel, t0 + at.lane0, t1 + at.lane0, t2 + at.lane0, t3 + at.lane0);
      gather(panel + STEP, t0 + at.lane1, t1 + at.lane1, t2 + at.lane1, t3 + at.lane1);
      gather(panel + 2 * STEP, t0 + at.lane2, t1 + at.lane2, t2 + at.lane2, t3 + at.lane2);
      gather(panel + 3 * STEP, t0 + at.lane3, t1 + at.lane3, t2 + at.lane3, t3 + at.lane3);
    }
  }
}

/** Four rows, a step apart, from four columns. */
@inline function transpose(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const t0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const t3 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(t0, t1, 0, 2));
  v128.store(to, v128.shuffle<i64>(t0, t1, 1, 3), STEP);
  v128.store(to, v128.shuffle<i64>(t2, t3, 0, 2), 2 * STEP);
  v128.store(to, v128.shuffle<i64>(t2, t3, 1, 3), 3 * STEP);
}

@inline function gather(to: usize, a: usize, b: usize, c: usize, d: usize): void {
  store<u32>(to, load<u32>(a));
  store<u32>(to, load<u32>(b), 4);
  store<u32>(to, load<u32>(c), 8);
  store<u32>(to, load<u32>(d), 12);
}
