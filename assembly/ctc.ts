// Connectionist temporal classification (A. Graves et al., ICML 2006), one sequence after the other.
// N sequences, T time steps, C classes, S the longest target. A target of length s has L = 2s + 1 states: blank, first label, blank, …,
// last label, blank; P = 2S + 1. α_t holds the paths to a state before it emits at t, β_t those from it on after that, both as
// logarithms. Each row is shifted by a number of its own, so that likely states stay near 0, where float32 is fine; α's shifts sum
// up in float64, β's cancel out. Targets and lengths have been checked.

import { storeLanes } from "./lib/loops";
import { exp, log1pSmall } from "./lib/math";
import { rowExp, rowMax } from "./lib/softmax";

const NEVER: f32 = -Infinity;

/** Bytes of a row of work space: P elements between two of −∞ on either side. */
@inline function workPitch(S: i32): usize {
  return <usize>(2 * S + 5) << 2;
}

/** ln(e^a + e^b + e^c): the largest, and what the other two add to it. */
@inline function logSum3(a: v128, b: v128, c: v128): v128 {
  const high = f32x4.max(a, b);
  const most = f32x4.max(high, c);
  const middle = f32x4.max(f32x4.min(a, b), f32x4.min(high, c));
  const least = f32x4.min(f32x4.min(a, b), c);
  // −∞ less −∞ would be NaN.
  const m = v128.andnot(most, f32x4.eq(most, f32x4.splat(NEVER)));
  let d = f32x4.sub(middle, m);
  let sum = f32x4.splat(0);
  // A loop, so that the binary holds exp once.
  for (let k = 0; k < 2; k++) {
    sum = f32x4.add(sum, exp(d));
    d = f32x4.sub(least, m);
  }
  return f32x4.add(most, log1pSmall(sum));
}

/** n elements of −∞. */
function never(y: usize, n: i32): void {
  for (; n > 0; n--) {
    store<f32>(y, NEVER);
    y += 4;
  }
}

@inline function classOf(labels: usize, state: i32, blank: i32): i32 {
  return state & 1 ? load<i32>(labels + (<usize>(state >> 1) << 2)) : blank;
}

/** skip = 0 where a state can follow the one two before it: at labels that differ from the previous label; else −∞, two more as well. */
function skips(skip: usize, labels: usize, states: i32): void {
  never(skip, states + 2);
  for (let s = 3; s < states; s += 2) {
    const label = labels + (<usize>(s >> 1) << 2);
    if (load<i32>(label) != load<i32>(label - 4)) store<f32>(skip + (<usize>s << 2), 0);
  }
}

/** y = x plus the log-probability of each state's class, between two elements of −∞ on either side. */
function emit(y: usize, x: usize, logProbs: usize, labels: usize, states: i32, blank: i32): void {
  never(y - 8, 2);
  for (let s = 0; s < states; s++) {
    const at = <usize>s << 2;
    store<f32>(y + at, load<f32>(x + at) + load<f32>(logProbs + (<usize>classOf(labels, s, blank) << 2)));
  }
  never(y + (<usize>states << 2), 2);
}

/**
 * y = ln of the sum over a state itself, the one `side` bytes away, and the one twice as far where `skip` allows; all less x's
 * largest element, which is returned.
 */
function advance(y: usize, x: usize, skip: usize, side: usize, states: i32): f32 {
  const most = rowMax(x, states);
  const shift: f32 = most > NEVER ? most : 0;
  const v = f32x4.splat(shift);
  do {
    const far = f32x4.add(v128.load(x + side + side), v128.load(skip));
    const sum = f32x4.sub(logSum3(v128.load(x), v128.load(x + side), far), v);
    if (states < 4) {
      storeLanes(y, sum, states);
      break;
    }
    v128.store(y, sum);
    y += 16;
    x += 16;
    skip += 16;
    states -= 4;
  } while (states > 0);
  return shift;
}

/**
 * loss [N] = −ln p(target | logProbs [T, N, C]), alpha [N, T, P], work [2, P + 4]. A target begins targetStride elements after the
 * previous one, or behind its end if that is 0. With zeroInfinity a loss of ∞ becomes 0.
 */
export function ctc_f32(loss: usize, alpha: usize, logProbs: usize, targets: usize, inputLengths: usize, targetLengths: usize, work: usize, N: i32, T: i32, C: i32, S: i32, targetStride: i32, blank: i32, zeroInfinity: i32): void {
  const pitch = <usize>(2 * S + 1) << 2;
  const emitted = work + 8;
  const skip = work + workPitch(S);
  for (let n = 0; n < N; n++) {
    const steps = load<i32>(inputLengths + (<usize>n << 2));
    const length = load<i32>(targetLengths + (<usize>n << 2));
    const states = 2 * length + 1;
    let row = alpha;
    let x = logProbs + (<usize>(n * C) << 2);
    // Without a time step only the empty target has a path.
    let l: f64 = length == 0 ? 0 : Infinity;
    if (steps > 0) {
      let shifts: f64 = 0;
      skips(skip, targets, states);
      never(row, states);
      memory.fill(row, 0, <usize>min(states, 2) << 2);
      for (let t = 1; ; t++) {
        emit(emitted, row, x, targets, states, blank);
        if (t == steps) break;
        shifts += advance(row + pitch, emitted, skip, -4, states);
        row += pitch;
        x += <usize>(N * C) << 2;
      }
      // The last blank and the label before it.
      shifts += advance(emitted, emitted + (<usize>(states - 1) << 2), skip, -4, 1);
      l = -shifts - load<f32>(emitted);
    }
    store<f32>(loss + (<usize>n << 2), zeroInfinity && l == Infinity ? <f32>0 : <f32>l);
    alpha += pitch * <usize>T;
    targets += <usize>(targetStride ? targetStride : length) << 2;
  }
}

/** dx [T, N, C] = −g·p(class at t | target), 0 behind a sequence's end; NaN without any path, or 0 with zeroInfinity. work [4, P + 4]. */
export function ctc_grad_f32(dx: usize, g: usize, alpha: usize, logProbs: usize, targets: usize, inputLengths: usize, targetLengths: usize, work: usize, N: i32, T: i32, C: i32, S: i32, targetStride: i32, blank: i32, zeroInfinity: i32): void {
  const pitch = <usize>(2 * S + 1) << 2;
  const emitted = work + 8;
  const skip = work + workPitch(S);
  const beta = skip + workPitch(S);
  const share = beta + workPitch(S);
  memory.fill(dx, 0, <usize>(T * N * C) << 2);
  for (let n = 0; n < N; n++) {
    const length = load<i32>(targetLengths + (<usize>n << 2));
    const states = 2 * length + 1;
    skips(skip, targets, states);
    never(beta, states);
    const ends = min(states, 2);
    memory.fill(beta + (<usize>(states - ends) << 2), 0, <usize>ends << 2);
    for (let t = load<i32>(inputLengths + (<usize>n << 2)) - 1; t >= 0; t--) {
      const at = <usize>((t * N + n) * C) << 2;
      const row = alpha + pitch * <usize>t;
      emit(emitted, beta, logProbs + at, targets, states, blank);
      for (let s: usize = 0; s < <usize>states << 2; s += 4) store<f32>(share + s, load<f32>(row + s) + load<f32>(emitted + s));
      const most = rowMax(share, states);
      if (zeroInfinity && most == NEVER) break;
      // At every time the states share all of the target's probability.
      const scale = -load<f32>(g + (<usize>n << 2)) / <f32>rowExp(share, share, states, most);
      for (let s = 0; s < states; s++) {
        const p = dx + at + (<usize>classOf(targets, s, blank) << 2);
        store<f32>(p, load<f32>(p) + scale * load<f32>(share + (<usize>s << 2)));
      }
      advance(beta, emitted, skip + 8, 4, states);
    }
    alpha += pitch * <usize>T;
    targets += <usize>(targetStride ? targetStride : length) << 2;
  }
}
