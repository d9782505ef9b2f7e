import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import { cutEverything } from "../src/backend/threaded.js";
import {
  type Backend,
  compile,
  functional as F,
  getBackend,
  init,
  memory,
  models,
  nn,
  randn,
  runtime,
  type Session,
  scope,
  setBackend,
  type Tensor,
} from "../src/node.js";
import { arena } from "../src/runtime/arena.js";
import { eager, examples, Lambda, largestDifference, outputsOf } from "./support/session.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const best = getBackend();
afterEach(() => setBackend(best));

/** Something of everything: a convolution, a view, a copy into order, a concatenation, a product, a normalisation, attention. */
class Mixed extends nn.Module {
  readonly conv = new nn.Conv2d(1, 4, 3);
  readonly attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
  readonly norm = new nn.LayerNorm(8);
  readonly last = new nn.Linear(8, 3);

  forward(x: Tensor): Tensor {
    const maps = F.relu(this.conv.forward(x));
    const rows = F.cat([maps, maps.neg()], { dim: 1 }).flatten(2).transpose(1, 2);
    const [attended] = this.attention.forward(rows, rows, rows);
    return this.last.forward(this.norm.forward(attended.add(rows)).mean(1));
  }
}

const RUNS = 10_000;

/** Bytes on JavaScript's heap after a collection. */
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

function expectFlat(session: Session, x: Tensor): void {
  const target = { output: new Float32Array(3) };
  const feeds = [{ input: x }, { input: x.data() as Float32Array }];
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      scope(() => void session.run(feeds[i % 2]!));
      session.runInto(feeds[i % 2]!, target);
    }
  };
  rounds(500);
  const before = { arena: memory(), heap: heap() };
  rounds(RUNS / 2);
  expect(memory()).toEqual(before.arena);
  // Code that is optimised in between takes some of it.
  expect(heap() - before.heap).toBeLessThan(300_000);
}

describe("10,000 runs leave memory as it was", () => {
  test.each<[Backend, number]>([
    ["js", 1],
    ["wasm", 1],
    ["wasm", 2],
  ])("on the %s back end and %i threads", async (backend, threads) => {
    await init({ threads });
    expect(runtime().threads, runtime().whyThreads).toBe(threads);
    const restore = threads > 1 ? cutEverything() : () => {};
    setBackend(backend);
    const model = new Mixed().eval();
    try {
      scope(() => {
        const x = randn([1, 1, 6, 6]);
        const session = compile(model, x);
        expectFlat(session, x);
        session.dispose();
      });
    } finally {
      restore();
      model.dispose();
      setBackend(best);
      await init({ threads: 1 });
    }
  });
});

describe("memory", () => {
  test("is all freed, while the model's own stays", () => {
    const before = memory().liveBytes;
    const model = new Mixed().eval();
    scope(() => {
      const session = compile(model, randn([1, 1, 6, 6]));
      for (const n of [6, 7, 8, 6]) session.run({ input: randn([2, 1, n, n]) });
      session.dispose();
    });
    for (const p of model.parameters()) expect(p.disposed).toBe(false);
    // Forms of the weights that kernels have kept go with the weights.
    model.dispose();
    expect(memory().liveBytes).toBe(before);
  });

  test("of weights outlives the model as long as a plan reads them", () => {
    scope(() => {
      const model = new nn.Linear(3, 2).eval();
      const x = randn([1, 3]);
      const session = compile(model, x);
      const want = session.run({ input: x }).output!.data();
      model.dispose();
      randn([4, 4]);
      expect(session.run({ input: x }).output!.data()).toEqual(want);
      session.dispose();
    });
  });

  test("of forms of the weights is there at once with warmup", () => {
    const layers = [1, 2].map(() => new nn.Conv2d(16, 16, 3, { padding: 1 }).eval());
    scope(() => {
      const x = randn([1, 16, 20, 20]);
      const cold = compile(layers[0]!, x, { optimize: false });
      const warm = compile(layers[1]!, x, { optimize: false, warmup: true });
      expect(cold.memory().packedBytes).toBe(0);
      expect(warm.memory().packedBytes).toBeGreaterThan(0);
      const all = warm.memory();
      expect(all.peakBytes).toBe(all.slabBytes + all.weightBytes + all.packedBytes + 4 * 16 * 20 * 20);
      cold.dispose();
      warm.dispose();
    });
    for (const model of layers) model.dispose();
  });

  test("of ResNet-18 at 224² is its weights, their packed forms, the copies that fold its normalisations, and 12 MB", () => {
    const model = models.create("resnet18").eval();
    scope(() => {
      const x = randn([1, 3, 224, 224]);
      const session = compile(model, x);
      session.run({ input: x });
      session.run({ input: x });
      const outside = memory().liveBytes - held(session);
      arena.resetPeak();
      session.run({ input: x });
      const { peakBytes, scratchBytes } = memory();
      const { weightBytes, packedBytes, slabBytes, lowerBoundBytes } = session.memory();
      expect(peakBytes + scratchBytes - outside - weightBytes - packedBytes).toBeLessThan(12e6);
      expect(slabBytes).toBeLessThan(5e6);
      expect(slabBytes).toBe(lowerBoundBytes);
      session.dispose();
    });
    model.dispose();
  });
});

describe("with memory before time", () => {
  test("ResNet-18 at 224² needs its weights, which are the model's own, and 12 MB", () => {
    const before = memory().liveBytes;
    const model = models.create("resnet18").eval();
    const weights = memory().liveBytes - before;
    const needed = (): number => memory().peakBytes + memory().scratchBytes - before - weights;
    scope(() => {
      const x = randn([1, 3, 224, 224]);
      arena.resetPeak();
      const session = compile(model, x, { memory: "least" });
      // A trace holds what modules hand to each other.
      expect(needed()).toBeLessThan(24e6);
      arena.resetPeak();
      for (let i = 0; i < 3; i++) session.run({ input: x });
      expect(needed()).toBeLessThan(12e6);
      expect(session.memory().packedBytes).toBe(0);
      session.dispose();
    });
    model.dispose();
    expect(memory().liveBytes).toBe(before);
  });

  test.each<Backend>(["js", "wasm"])("models on the %s back end give the same but for rounding", (backend) => {
    setBackend(backend);
    for (const { name, make, shape } of examples) {
      const model = make().eval();
      scope(() => {
        const x = randn(shape);
        const least = compile(model, x, { memory: "least" });
        const got = outputsOf(least, { input: x });
        expect(outputsOf(least, { input: x }), name).toEqual(got);
        expect(least.memory().packedBytes, name).toBe(0);
        expect(least.memory().weightBytes, name).toBeLessThanOrEqual(bytesOfAll(model));
        const fast = compile(model, x);
        expect(largestDifference(outputsOf(fast, { input: x }), got), name).toBeLessThan(1e-4);
        for (const session of [fast, least]) session.dispose();
      });
      model.dispose();
    }
  });

  test("a product with a constant matrix reads it as it lies", () => {
    scope(() => {
      const [x, matrix] = [randn([4, 6]), randn([6, 5])];
      const model = new Lambda((t) => t!.matmul(matrix));
      const turned = new Lambda((t) => t!.matmul(matrix.reshape([5, 6]).transpose(0, 1)));
      for (const m of [model, turned]) {
        const before = memory().liveBlocks;
        const session = compile(m, x, { memory: "least" });
        expect(session.memory().weightBytes).toBe(4 * 6 * 5);
        expect(memory().liveBlocks - before).toBe(1);
        expect(largestDifference(outputsOf(session, { input: x }), eager(m, x))).toBeLessThan(1e-5);
        session.dispose();
      }
    });
  });

  test("a module may keep a tensor for another one, which has it when the model is traced", () => {
    const model = new Aside().eval();
    scope(() => {
      const x = randn([2, 3]);
      const blocks = memory().liveBlocks;
      const session = compile(model, x, { memory: "least" });
      scope(() => expect(outputsOf(session, { input: x })).toEqual(eager(model, x)));
      session.dispose();
      expect(memory().liveBlocks).toBe(blocks);
    });
    model.dispose();
  });

  test("no other value is an option", () => {
    scope(() => {
      const options: object = { memory: "little" };
      expect(() => compile(new Mixed().eval(), randn([1, 1, 6, 6]), options)).toThrow(/memory.*fast.*least/);
    });
  });
});

class Keeping extends nn.Module {
  kept: Tensor | null = null;

  forward(x: Tensor): Tensor {
    this.kept = x.exp();
    return this.kept.add(1);
  }
}

/** Reads what its first module has left beside its result. */
class Aside extends nn.Module {
  readonly first = new Keeping();

  forward(x: Tensor): Tensor {
    return this.first.forward(x).mul(this.first.kept!);
  }
}

function bytesOfAll(model: nn.Module): number {
  return [...model.parameters(), ...model.buffers()].reduce((sum, t) => sum + 4 * t.numel, 0);
}

/** What a session holds between runs. */
function held(session: Session): number {
  const { slabBytes, weightBytes, packedBytes } = session.memory();
  return slabBytes + weightBytes + packedBytes;
}
