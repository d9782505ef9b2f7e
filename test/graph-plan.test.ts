import { afterAll, describe, expect, test } from "vitest";
import { Plan } from "../src/graph/plan.js";
import { arrange, lowerBound, Region } from "../src/graph/plan_regions.js";
import { compile, functional as F, graph, memory, noGrad, randn, scope, type Tensor, trace } from "../src/node.js";
import { generatorOf } from "./support/make.js";
import { eager, Lambda, outputsOf } from "./support/session.js";

/** The plan of a function of tensors, after a check that it computes the same as the function. */
function planOf(fn: (...args: readonly Tensor[]) => unknown, ...shapes: readonly (readonly number[])[]): Plan {
  const model = new Lambda(fn);
  return scope(() => {
    const inputs = shapes.map((shape) => randn(shape));
    const plan = new Plan(trace(model, inputs));
    const want = eager(model, ...inputs);
    for (let run = 0; run < 2; run++) {
      // What an earlier run has left there is no part of the result.
      for (const [i, x] of inputs.entries()) plan.inputs[i]!.copy_(x);
      expect(plan.run()).toBe(true);
      expect(plan.outputs.map((t) => t.data())).toEqual(want);
    }
    return plan;
  });
}

const opsOf = (plan: Plan): string[] => plan.steps.map((step) => step.op.name);

/** Bytes of the slab for so many tensors of n floats. */
const blocks = (count: number, n: number): number => count * Math.ceil((4 * n + 16) / 64) * 64;

describe("the slab", () => {
  test("keeps apart what lives at the same time, and wastes little", () => {
    const random = generatorOf(7);
    for (let round = 0; round < 50; round++) {
      const regions = Array.from({ length: 60 }, () => {
        const from = Math.floor(random() * 50);
        const region = new Region(Math.floor(random() ** 3 * 10_000), from);
        region.use(from + Math.floor(random() * 6));
        return region;
      });
      const total = arrange(regions);
      const clash = (a: Region, b: Region): boolean =>
        a.from <= b.to && b.from <= a.to && a.offset < b.offset + b.bytes + 16 && b.offset < a.offset + a.bytes + 16;
      const misplaced = regions.filter((a) => a.offset % 64 !== 0 || a.offset + a.bytes + 16 > total);
      expect(misplaced).toEqual([]);
      expect(regions.filter((a, i) => regions.slice(0, i).some((b) => clash(a, b)))).toEqual([]);
      expect(total).toBeGreaterThanOrEqual(lowerBound(regions));
      expect(total).toBeLessThan(1.25 * lowerBound(regions));
    }
  });

  test("holds two tensors for a chain of ops that cannot write in place", () => {
    const plan = planOf((x) => F.flip(F.flip(F.flip(x!, { dims: 0 }), { dims: 1 }), { dims: 0 }), [30, 20]);
    expect(plan.slabBytes).toBe(blocks(2, 600));
    expect(plan.lowerBoundBytes).toBe(plan.slabBytes);
    plan.dispose();
  });

  test("holds one for a chain of ops that can", () => {
    const plan = planOf((x) => F.softmax(F.relu(x!).mul(2).add(x!.shape.length).exp(), { dim: 1 }), [30, 20]);
    expect(plan.slabBytes).toBe(blocks(1, 600));
    plan.dispose();
  });

  test("is freed with the plan, and the constants' handles", () => {
    const c = randn([20]).keep();
    const before = memory().liveBlocks;
    planOf((x) => x!.add(c).relu(), [30, 20]).dispose();
    c.dispose();
    // What the graph still holds of the constant is the collector's.
    expect(memory().liveBlocks).toBe(before);
  });
});

describe("an op writes over an operand", () => {
  test.each<[string, (x: Tensor) => unknown, number]>([
    ["that is both operands", (x) => x.add(x), 1],
    ["but not one that is read later", (x) => [x.exp(), x.neg()], 2],
    ["but not one whose view is the other operand", (x) => x.add(x.t()), 2],
    ["but not one that is stretched", (x) => x.narrow(0, 0, 1).add(x.t()), 2],
    ["of which a view has been taken before", (x) => x.reshape([-1]).relu().reshape([20, 20]).neg(), 1],
    ["but not one that is an output itself", (x) => [x.exp(), x.exp().neg()], 2],
  ])("%s", (_, fn, count) => {
    const plan = planOf((x) => fn(x!), [20, 20]);
    expect(plan.slabBytes).toBe(blocks(count, 400));
    plan.dispose();
  });
});

describe("views and layouts", () => {
  const weight = randn([4, 5]).keep();
  afterAll(() => weight.dispose());

  test.each<[string, (x: Tensor) => unknown, readonly string[]]>([
    ["are worked out once", (x) => x.t().reshape([4, 5, 1]).mul(2), ["contiguous", "affine"]],
    ["are copied into order where an op wants it", (x) => x.t().exp().neg(), ["contiguous", "exp", "neg"]],
    ["are read as they lie where an op can", (x) => x.t().add(1).narrow(0, 1, 2), ["contiguous", "affine"]],
    ["may be outputs", (x) => x.exp().t(), ["exp"]],
    ["may be taken of constants", (x) => x.matmul(weight.narrow(1, 0, 3)), ["matmul"]],
  ])("%s", (_, fn, ops) => {
    const plan = planOf((x) => fn(x!), [5, 4]);
    expect(opsOf(plan)).toEqual(ops);
    plan.dispose();
  });
});

describe("a concatenation", () => {
  const parts = (x: Tensor): Tensor[] => [x.exp(), x.neg().narrow(0, 0, x.size(0)), x.sin()];

  test("is gone where its parts are contiguous pieces", () => {
    const rows = planOf((x) => F.cat(parts(x!), { dim: 0 }).neg(), [6, 7]);
    expect(opsOf(rows)).not.toContain("cat");
    expect(opsOf(rows)).not.toContain("contiguous");
    const channels = planOf((x) => F.cat(parts(x!), { dim: 1 }), [1, 6, 7]);
    expect(opsOf(channels)).not.toContain("cat");
    rows.dispose();
    channels.dispose();
  });

  test("stays where they are not", () => {
    const plan = planOf((x) => F.cat(parts(x!), { dim: 1 }), [6, 7]);
    expect(opsOf(plan)).toContain("cat");
    plan.dispose();
  });

  test("copies what has no choice: constants, views, what it takes twice", () => {
    const c = randn([2, 3]).keep();
    const plan = planOf(
      (x) => {
        const y = x!.exp();
        return F.cat([y, c, y, x!.narrow(0, 1, 2), x!], { dim: 0 });
      },
      [4, 3],
    );
    expect(opsOf(plan)).toEqual(["exp", "contiguous", "contiguous", "contiguous"]);
    plan.dispose();
    c.dispose();
  });

  test("is gone for lists that grow, and for chains", () => {
    const grow = planOf(
      (x) => {
        const list = [x!.exp()];
        for (let i = 0; i < 4; i++) list.push(F.cat(list, { dim: 1 }).sum(1, { keepdim: true }).sin());
        return F.cat(list, { dim: 1 });
      },
      [1, 3, 5],
    );
    expect(opsOf(grow)).not.toContain("cat");
    const chain = planOf(
      (x) => {
        let all = x!.exp();
        for (let i = 0; i < 4; i++) all = F.cat([all, all.sum(1, { keepdim: true }).sin()], { dim: 1 });
        return all.relu();
      },
      [1, 3, 5],
    );
    expect(opsOf(chain)).not.toContain("cat");
    grow.dispose();
    chain.dispose();
  });

  test("does not let an op write over parts that are still read", () => {
    const plan = planOf(
      (x) => {
        const [a, b] = [x!.exp(), x!.sin()];
        const all = F.cat([a, b], { dim: 0 }).neg();
        return [all, a.mul(b), F.cat([F.cat([b, a], { dim: 0 }), all], { dim: 0 })];
      },
      [6, 7],
    );
    plan.dispose();
  });
});

test("what kernels keep of an operand is not taken for the next one at its place", () => {
  // Of a size that has a packed form from the second use on.
  const model = new Lambda((x, w) => F.linear(x!, w!.neg(), null));
  scope(() => {
    const [x, w] = [randn([20, 300]), randn([300, 300])];
    const session = compile(model, [x, w]);
    for (let run = 0; run < 4; run++) {
      const other = randn([300, 300]);
      expect(outputsOf(session, { input_0: x, input_1: other })).toEqual(eager(model, x, other));
    }
    session.dispose();
  });
});

test("the graph of a module evaluates as the plan does", () => {
  scope(() => {
    const x = randn([3, 4]);
    const traced = trace(new Lambda((t) => t!.exp().t().matmul(t!)), x, { inputNames: ["x"], outputNames: ["y"] });
    const plan = new Plan(traced);
    plan.inputs[0]!.copy_(x);
    plan.run();
    expect(noGrad(() => graph.evaluate(traced, { x }).y!.data())).toEqual(plan.outputs[0]!.data());
    plan.dispose();
  });
});
