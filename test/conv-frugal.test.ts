import { afterEach, describe, expect, test, vi } from "vitest";
import { K } from "../src/backend/index.js";
import { type Backend, functional as F, memory, noGrad, scope, setBackend, type Tensor } from "../src/node.js";
import { withFrugality } from "../src/runtime/frugal.js";
import { guardArena } from "./support/guarded-arena.js";
import { generatorOf, seedOf, tensorOf, valuesOf } from "./support/make.js";

// What a kernel writes outside of its work space, which is smaller here, is found.
guardArena();

afterEach(() => {
  vi.restoreAllMocks();
  setBackend("wasm");
});

interface Row {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly options: { readonly padding?: number; readonly groups?: number; readonly stride?: number };
}

/** Convolutions that otherwise go by tiles with packed weights, and some that never do. */
const ROWS: Readonly<Record<string, Row>> = {
  tiles: { x: [2, 9, 14, 17], w: [22, 9, 3, 3], options: { padding: 1 } },
  "tiles of groups": { x: [2, 18, 14, 17], w: [22, 9, 3, 3], options: { padding: 1, groups: 2 } },
  "blocks of tiles": { x: [2, 16, 70, 66], w: [20, 16, 3, 3], options: { padding: 1 } },
  "tiles of many channels": { x: [1, 300, 26, 25], w: [24, 300, 3, 3], options: { padding: 1 } },
  "tiles of many outputs": { x: [1, 24, 26, 25], w: [300, 24, 3, 3], options: {} },
  "small tiles": { x: [1, 130, 7, 9], w: [253, 130, 3, 3], options: { padding: 1 } },
  "few tiles": { x: [1, 24, 7, 8], w: [70, 24, 3, 3], options: { padding: 1 } },
  panels: { x: [2, 12, 9, 11], w: [26, 12, 3, 3], options: { stride: 2 } },
  planes: { x: [2, 5, 9, 11], w: [5, 1, 3, 3], options: { padding: 1, groups: 5 } },
};

function random(name: string, shape: readonly number[]): Tensor {
  return tensorOf(valuesOf({ shape }, generatorOf(seedOf(name))), "float32");
}

/** Output and input's gradient, the second time that they are computed. */
function run({ x: xs, w: ws, options }: Row): Float32Array[] {
  const [x, w, b] = [random("x", xs).requiresGrad_(), random("w", ws), random("b", [ws[0]!])];
  const shape = scope(() => F.conv2d(x, w, b, options).shape);
  const [g, residual] = [random("g", shape), random("r", shape)];
  scope(() => F.conv2d(x, w, b, { ...options, residual, activation: "relu" }).backward(g));
  const y = scope(() => noGrad(() => F.conv2d(x, w, b, { ...options, residual, activation: "relu" })).data());
  const results = [y, x.grad!.data()] as Float32Array[];
  for (const t of [x, w, b, g, residual]) t.dispose();
  return results;
}

describe.each<Backend>(["js", "wasm"])("on the %s back end, with memory before time,", (backend) => {
  test.each(Object.entries(ROWS))("%s need no packed weights and give what they give otherwise", (_, row) => {
    setBackend(backend);
    const want = run(row);
    const packs = [vi.spyOn(K, "conv_pack_f32"), vi.spyOn(K, "conv_input_grad_pack_f32")];
    const blocks = memory().liveBlocks;
    const got = withFrugality(true, () => run(row));
    expect(memory().liveBlocks).toBe(blocks);
    for (const pack of packs) expect(pack).not.toHaveBeenCalled();
    for (const [k, values] of got.entries()) {
      const worst = values.reduce((most, v, i) => Math.max(most, Math.abs(v - want[k]![i]!)), 0);
      const scale = want[k]!.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
      expect(worst / scale).toBeLessThan(2e-6);
    }
  });
});
