import { describe, expect, test } from "vitest";
import { K } from "../src/backend/index.js";
import { Generator, nn, randn, scope, setBackend, type Tensor, zeros } from "../src/node.js";
import { normScratch } from "../src/ops/norm_batch.js";
import { arena, NULL } from "../src/runtime/arena.js";
import type { Ptr } from "../src/types.js";
import { freeAfterEach } from "./support/modules.js";

freeAfterEach();

const made = (seed: number, ...shape: number[]): Tensor => randn(shape, { generator: new Generator(seed) });

/** Calls `run` for the ranges between the cuts and gives back what the outputs hold then. */
function inRanges(
  outs: readonly Tensor[],
  cuts: readonly number[],
  run: (begin: number, end: number) => void,
): number[] {
  for (const t of outs) t.fill_(0);
  cuts.slice(1).forEach((end, i) => {
    run(cuts[i]!, end);
  });
  return outs.flatMap((t) => [...t.data()]);
}

describe.each(["js", "wasm"] as const)("kernels with a range, on the %s back end", (backend) => {
  test.each([
    [5, 7, 3],
    [3, 7, 1],
    [2, 7, 37],
  ])("normalise [%i, %i, %i] alike, however the channels are cut", (n, c, s) => {
    setBackend(backend);
    scope(() => {
      const [x, g, weight, bias] = [made(1, n, c, s), made(2, n, c, s), made(3, c), made(4, c)];
      const [y, dx] = [zeros([n, c, s]), zeros([n, c, s])];
      const [mean, variance, dw, db] = [zeros([c]), zeros([c]), zeros([c]), zeros([c])];
      const work = normScratch(c, s);
      const run = (begin: number, end: number): void => {
        const low = 0;
        K.batch_norm_f32(
          y.ptr,
          mean.ptr,
          variance.ptr,
          x.ptr,
          weight.ptr,
          bias.ptr,
          work,
          n,
          c,
          s,
          0.1,
          low,
          begin,
          end,
        );
        // biome-ignore format: one line for each kind of argument
        K.batch_norm_grad_f32(
          dx.ptr, dw.ptr, db.ptr, g.ptr, x.ptr, weight.ptr, bias.ptr, mean.ptr, variance.ptr, work,
          n, c, s, 0.1, 1, low, begin, end,
        );
      };
      const outs = [y, mean, variance, dx, dw, db];
      const whole = inRanges(outs, [0, c], run);
      expect(whole.every((v) => v === 0)).toBe(false);
      for (const cuts of [
        [0, 1, c],
        [0, 3, 4, c],
      ]) {
        expect(inRanges(outs, cuts, run)).toEqual(whole);
      }
    });
  });

  test("attend alike, however the heads are cut, dropout included", () => {
    setBackend(backend);
    scope(() => {
      const [h, l, s, e] = [5, 7, 9, 4];
      const [q, k, v] = [made(1, h, l, e), made(2, h, s, e), made(3, h, s, e)];
      const [y, stats] = [zeros([h, l, e]), zeros([h, l])];
      const tableBytes = 4 * 7 * h;
      const table = arena.scratch(tableBytes + 64 + K.attention_scratch_bytes(l, s, e, e));
      const work = (((table + tableBytes + 63) >>> 6) << 6) as Ptr;
      const row = (head: number): number[] => [
        ...[y, stats, q, k, v].map((t) => t.ptr + (4 * head * t.numel) / h),
        NULL,
        NULL,
      ];
      arena.i32.set(Array.from({ length: h }, (_, head) => row(head)).flat(), table >>> 2);
      const run = (begin: number, end: number): void =>
        K.attention_f32(table, work, l, s, e, e, e, e, e, e, 0, 0, s, 0.5, 1, 2, 3, 4, 2 ** 30, 2, begin, end);
      const whole = inRanges([y, stats], [0, h], run);
      expect(whole.some((value) => value === 0)).toBe(false);
      expect(inRanges([y, stats], [0, 2, 3, h], run)).toEqual(whole);
    });
  });

  test("apply relu behind a normalisation as the module behind it would", () => {
    setBackend(backend);
    const norms = [0, 1].map(() => new nn.BatchNorm2d(3));
    scope(() => {
      const inputs = [0, 1].map(() => made(1, 2, 3, 5, 5).requiresGrad_());
      const upstream = made(2, 2, 3, 5, 5);
      const [fused, apart] = norms as [nn.BatchNorm2d, nn.BatchNorm2d];
      const outs = [fused.forward(inputs[0]!, { activation: "relu" }), apart.forward(inputs[1]!).relu()];
      for (const y of outs) y.backward(upstream);
      const shown = [0, 1].map((i) =>
        [outs[i]!, inputs[i]!.grad!, norms[i]!.weight!.grad!, norms[i]!.bias!.grad!, norms[i]!.runningMean!].map((t) =>
          t.tolist(),
        ),
      );
      expect(shown[0]).toEqual(shown[1]);
      for (const x of inputs) x.grad!.dispose();
    });
    for (const norm of norms) {
      for (const p of norm.parameters()) p.grad!.dispose();
      norm.dispose();
    }
  });
});
