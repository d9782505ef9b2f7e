// The gradient of 3 × 3 kernels by the tiles of winograd.ts. A tile is bilinear in its inputs and the kernel, so the gradient in the kernel is
//
//   dw = Gᵀ (Σ over tiles of (A dy Aᵀ) · (Bᵀ d B)) G
//
// for each pair of channels: 36 matrix products [outputs, tiles] · [tiles, inputs] instead of nine times sixteen sums. The sums of a block of
// tiles are transformed and added up, since a whole set of them is four times as large as the kernels.
import { multiply, packColumns, panelBytes, panelsBytes, START_ZERO, STEP, workBytes } from "./gemm";
import { put } from "./loops";
import { align, Geometry } from "./window";
import { stepOf, tilesOf, upTo4, winogradTile } from "./winograd";
import { STRIPS_BYTES, transformTiles } from "./winograd_input";
import { LARGE, Winograd, WINOGRAD_BYTES } from "./winograd_job";

/** Tiles of a block at most: the sums have to stay short. Blocks of many channels are smaller, so that they stay in the cache. */
@inline const TILES: i32 = 128;
@inline const FEWEST: i32 = 32;
@inline const BLOCK: i32 = 1 << 18;
/** Channels in and out whose sums are made at a time. */
@inline const INPUTS: i32 = 64;
@inline const OUTPUTS: i32 = 30;
/** With fewer tiles the sums of products are as fast. */
@inline const MIN_TILES: i32 = 24;

/** Input channels of a unit. */
@inline export const UNIT: i32 = 16;

/** Whether it is the fastest way. */
export function suitsTiles(g: Geometry, n: i32, cg: i32, og: i32): bool {
  return winogradTile(g, n, cg, og, g.oh, g.ow) == LARGE && tilesOf(LARGE, n, g.oh, g.ow) >= MIN_TILES;
}

/** Tiles of a block. */
@inline function blockTiles(cg: i32, og: i32): i32 {
  return max(FEWEST, min(TILES, BLOCK / (36 * (upTo4(cg) + upTo4(og))))) & ~3;
}

/** dw [og, cg, 3, 3] of one group, the input channels from `begin` to `end`; x and dy are those of the first image, nx and ny bytes to the next. */
export function tileSums(scratch: usize, dw: usize, dy: usize, x: usize, ny: usize, nx: usize, g: Geometry, n: i32, cg: i32, og: i32, begin: i32, end: i32): void {
  const inputs = changetype<Winograd>(scratch);
  const outputs = changetype<Winograd>(scratch + WINOGRAD_BYTES);
  const tiles = tilesOf(LARGE, n, g.oh, g.ow);
  const block = min(tiles, blockTiles(cg, og));
  inputs.x = x + (<usize>(begin * g.ih * g.iw) << 2);
  inputs.ic = end - begin;
  inputs.xImage = nx;
  inputs.ih = g.ih; inputs.iw = g.iw;
  inputs.ph = g.ph; inputs.pw = g.pw;
  inputs.spreads = false;
  outputs.x = dy;
  outputs.ic = og;
  outputs.xImage = ny;
  outputs.ih = g.oh; outputs.iw = g.ow;
  outputs.ph = 0; outputs.pw = 0;
  outputs.spreads = true;
  inputs.size = outputs.size = LARGE;
  inputs.down = outputs.down = (g.oh + 3) >> 2;
  inputs.across = outputs.across = (g.ow + 3) >> 2;
  inputs.strip = outputs.strip = align(scratch + 2 * WINOGRAD_BYTES);
  const ins = upTo4(end - begin);
  const outs = upTo4(og);
  inputs.vStep = stepOf(block * ins);
  outputs.vStep = stepOf(block * outs);
  inputs.v = align(inputs.strip + STRIPS_BYTES);
  outputs.v = inputs.v + 36 * inputs.vStep;
  const work = outputs.v + 36 * outputs.vStep;
  const panels = align(work + workBytes(TILES));
  const sums = align(panels + panelsBytes(TILES, INPUTS));
  const next = stepOf(OUTPUTS * INPUTS);
  for (let t = 0; t < tiles; t += block) {
    const k = min(block, tiles - t);
    transformTiles(inputs, t, k);
    transformTiles(outputs, t, k);
    for (let c = 0; c < end - begin; c += INPUTS) {
      const width = min(INPUTS, end - begin - c);
      for (let o = 0; o < og; o += OUTPUTS) {
        const height = min(OUTPUTS, og - o);
        for (let p = 0; p < 36; p++) {
          packColumns(panels, inputs.v + <usize>p * inputs.vStep + (<usize>c << 2), k, width, ins);
          multiply(
            sums + <usize>p * next, outputs.v + <usize>p * outputs.vStep + (<usize>o << 2), panels, 0, work, height, width, k,
            INPUTS, 1, outs, STEP, panelBytes(k), START_ZERO, -Infinity, Infinity,
          );
        }
        for (let i = 0; i < height; i++) {
          const from = sums + (<usize>(i * INPUTS) << 2);
          const to = dw + <usize>((o + i) * cg + begin + c) * 36;
          for (let j = 0; j < width; j += 4) kernelsFromSums(to + <usize>j * 36, from + (<usize>j << 2), next, inputs.strip, t > 0, min(4, width - j));
        }
      }
    }
  }
}

/** Up to four kernels, one a lane of the sums at 36 places: dw = Gᵀ M G, or the same added to it. */
function kernelsFromSums(dw: usize, m: usize, step: usize, strip: usize, adds: bool, count: i32): void {
  for (let i: usize = 0; i < 6; i++) threeOfSix(strip + (i << 4), 96, m + i * step, 6 * step);
  const to = strip + 288;
  for (let i: usize = 0; i < 3; i++) threeOfSix(to + i * 48, 16, strip + i * 96, 16);
  // From four kernels of a place to the places of a kernel, one after the other.
  const rows = to + 144;
  turn(rows, to);
  turn(rows + 16, to + 64);
  for (let lane: usize = 0; lane < 4; lane++) store<f32>(rows + lane * 36, load<f32>(to + (lane << 2), 128), 32);
  for (let i: usize = 0; i < <usize>count * 36; i += 16) {
    const v = v128.load(rows + i);
    put(dw + i, adds ? f32x4.add(v, v128.load(dw + i)) : v, <i32>(<usize>count * 36 - i) >> 2);
  }
}

/** Four rows, 36 bytes apart, from four columns. */
function turn(to: usize, p: usize): void {
  const a = v128.load(p), b = v128.load(p, 16), c = v128.load(p, 32), d = v128.load(p, 48);
  const t0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const t3 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(t0, t1, 0, 2));
  v128.store(to, v128.shuffle<i64>(t0, t1, 1, 3), 36);
  v128.store(to, v128.shuffle<i64>(t2, t3, 0, 2), 72);
  v128.store(to, v128.shuffle<i64>(t2, t3, 1, 3), 108);
}

/** Gᵀ · m, of six places to three. */
function threeOfSix(to: usize, toStep: usize, m: usize, step: usize): void {
  const m0 = v128.load(m);
  let a = v128.load(m += step);
  let b = v128.load(m += step);
  const near = f32x4.splat(-2.0 / 3.0);
  const even1 = f32x4.mul(f32x4.add(a, b), near);
  const odd1 = f32x4.mul(f32x4.sub(a, b), f32x4.splat(<f32>Math.SQRT1_2 * <f32>(-2.0 / 3.0)));
  a = v128.load(m += step);
  b = v128.load(m += step);
  const even2 = f32x4.mul(f32x4.add(a, b), f32x4.splat(1.0 / 6.0));
  const odd2 = f32x4.mul(f32x4.sub(a, b), f32x4.splat(<f32>Math.SQRT2 * <f32>(1.0 / 6.0)));
  v128.store(to, f32x4.add(m0, f32x4.add(even1, even2)));
  v128.store(to += toStep, f32x4.add(odd1, odd2));
  const squares = f32x4.add(f32x4.mul(even1, f32x4.splat(0.5)), f32x4.mul(even2, f32x4.splat(2)));
  v128.store(to + toStep, f32x4.add(squares, v128.load(m + step)));
}
