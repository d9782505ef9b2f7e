import { afterEach, describe, expect, test } from "vitest";
import {
  ArgumentError,
  type Backend,
  compile,
  type DataArray,
  DTypeError,
  functional as F,
  getBackend,
  init,
  memory,
  nn,
  noGrad,
  RuntimeError,
  randn,
  ShapeError,
  scope,
  setBackend,
  Tensor,
  tensor,
  trace,
} from "../src/node.js";
import { eager, examples, expectError, Lambda, outputsOf } from "./support/session.js";

const best = getBackend();
afterEach(() => setBackend(best));

/** Two inputs that broadcast, two outputs with names. */
const pair = (): Lambda => new Lambda((x, y) => ({ sum: x!.add(y!), product: x!.mul(y!).t() }));
const pairNames = { inputNames: ["x", "y"] };

function largestDifference(got: readonly DataArray[], want: readonly DataArray[]): number {
  return Math.max(...got.flatMap((data, k) => Array.from(data, (v, i) => Math.abs(v - want[k]![i]!))));
}

describe.each<Backend>(["js", "wasm"])("on the %s back end a session", (backend) => {
  test.each(examples)("gives what $name gives, and the same bits if nothing is rewritten", ({ make, shape }) => {
    setBackend(backend);
    const before = memory().liveBlocks;
    const model = make().eval();
    scope(() => {
      const x = randn(shape);
      const session = compile(model, x, { optimize: false });
      const rewritten = compile(model, x);
      for (const values of [x, randn(shape), x.neg(), randn(shape)]) {
        const want = eager(model, values);
        expect(outputsOf(session, { input: values })).toEqual(want);
        expect(largestDifference(outputsOf(rewritten, { input: values }), want)).toBeLessThan(1e-4);
      }
      session.dispose();
      rewritten.dispose();
    });
    model.dispose();
    expect(memory().liveBlocks).toBe(before);
  });
});

describe("a session", () => {
  test("takes and gives tensors by name, which belong to the open scope", () => {
    scope(() => {
      const [x, y] = [randn([2, 3]), randn([3])];
      const session = compile(pair(), [x, y], pairNames);
      expect(session.inputNames).toEqual(["x", "y"]);
      expect(session.outputNames).toEqual(["sum", "product"]);
      const results = scope(() => {
        const { sum, product } = session.run({ y, x });
        expect(sum!.data()).toEqual(x.add(y).data());
        expect(product!.tolist()).toEqual(x.mul(y).t().tolist());
        expect(product!.isContiguous).toBe(true);
        return { sum, kept: [product] };
      });
      expect(results.sum!.disposed).toBe(false);
      session.dispose();
      expect(results.sum!.data()).toEqual(x.add(y).data());
    });
  });

  test("takes typed arrays, views and one tensor twice", () => {
    scope(() => {
      const [x, y] = [randn([3, 3]), randn([3])];
      const session = compile(pair(), [x, y], pairNames);
      const want = x.add(y).data();
      const arrays = { x: x.data() as Float32Array, y: y.data() as Float32Array };
      expect(session.run(arrays).sum!.data()).toEqual(want);
      expect(session.run({ x: x.t().contiguous().t(), y }).sum!.data()).toEqual(want);
      const twice = compile(pair(), [x, x], pairNames);
      expect(twice.run({ x, y: x }).product!.tolist()).toEqual(x.mul(x).t().tolist());
      expect(twice.run({ x, y: y.expand([3, 3]) }).sum!.data()).toEqual(want);
      for (const s of [session, twice]) s.dispose();
    });
  });

  test("takes int32 and bool", () => {
    scope(() => {
      const pick = new Lambda((index, mask) => F.where(mask!, index!.mul(2), index!));
      const index = tensor(Int32Array.of(1, 2, 3));
      const session = compile(pick, [index, tensor([true, false, true])], { inputNames: ["index", "mask"] });
      const feeds = { index: Int32Array.of(4, 5, 6), mask: Uint8Array.of(0, 7, 1) };
      expect(session.run(feeds).output!.tolist()).toEqual([4, 10, 12]);
      session.dispose();
    });
  });

  test("writes into tensors and arrays of the caller's", () => {
    scope(() => {
      const [x, y] = [randn([2, 3]), randn([3])];
      const session = compile(pair(), [x, y], pairNames);
      const sum = new Float32Array(6);
      const product = randn([3, 2]);
      const { version } = product.storage;
      session.runInto({ x, y }, { sum, product });
      expect(sum).toEqual(x.add(y).data());
      expect(product.tolist()).toEqual(x.mul(y).t().tolist());
      expect(product.storage.version).toBe(version + 1);
      const strided = randn([2, 3]).t();
      session.runInto({ x, y }, { product: strided });
      expect(strided.tolist()).toEqual(product.tolist());
      sum.fill(7);
      const short = new Float32Array(5);
      expectError(
        () => session.runInto({ x, y }, { sum, product: short }),
        ShapeError,
        '"product"',
        "5 elements",
        "[3, 2]",
      );
      expect(sum).toEqual(new Float32Array(6).fill(7));
      session.dispose();
    });
  });

  test("makes a plan for each shape and keeps the latest", () => {
    scope(() => {
      const model = new nn.Sequential(new nn.Linear(4, 3), new nn.ReLU()).eval();
      const session = compile(model, randn([2, 4]), { maxPlans: 2 });
      const one = session.memory().slabBytes;
      for (const batch of [2, 5, 2, 7, 5, 2]) {
        const x = randn([batch, 4]);
        expect(session.run({ input: x }).output!.data()).toEqual(eager(model, x)[0]);
        expect(session.run({ input: x.data() as Float32Array }).output!.shape).toEqual([batch, 3]);
        expect(String(session)).toContain(`input: float32 [${batch}, 4] → output: float32 [${batch}, 3]`);
        expect(String(session).split("\n").length).toBeLessThanOrEqual(4);
      }
      session.run({ input: randn([2, 4]) });
      session.run({ input: randn([2, 4]) });
      expect(session.memory().slabBytes).toBeGreaterThan(one);
      session.dispose();
      model.dispose();
    });
  });

  test("takes another way where the model reads values", () => {
    scope(() => {
      const model = new Lambda((x) => (x!.sum().item() > 0 ? x!.exp() : x!.neg().mul(2)));
      const session = compile(model, tensor([1, 2]));
      const count = new Lambda((x) => F.nonzero(x!).sum(0));
      const counting = compile(count, tensor([0, 1, 1]));
      for (const values of [
        [3, 4],
        [1, 2],
        [-1, -2],
        [1, 2],
        [-1, -2],
        [0, 5],
      ]) {
        const x = tensor(values);
        expect(outputsOf(session, { input: x })).toEqual(eager(model, x));
        const y = tensor([...values, 0].map((v) => Math.max(v, 0)));
        expect(outputsOf(counting, { input: y })).toEqual(eager(count, y));
      }
      session.dispose();
      counting.dispose();
    });
  });

  test("follows the weights", () => {
    scope(() => {
      const model = new nn.Sequential(new nn.Conv2d(2, 3, 3), new nn.BatchNorm2d(3)).eval();
      const x = randn([1, 2, 6, 6]);
      const session = compile(model, x);
      const { slabBytes } = session.memory();
      for (let step = 0; step < 3; step++) {
        noGrad(() => {
          for (const p of model.parameters()) p.copy_(p.add(0.5));
        });
        expect(largestDifference(outputsOf(session, { input: x }), eager(model, x))).toBeLessThan(1e-4);
      }
      expect(session.memory().slabBytes).toBe(slabBytes);
      session.dispose();
      model.dispose();
    });
  });

  test("runs on the back end and the threads that are in use", async () => {
    const model = examples[1]!.make().eval();
    const x = randn(examples[1]!.shape).keep();
    const session = compile(model, x, { optimize: false });
    for (const [backend, threads] of [
      ["js", 1],
      ["wasm", 1],
      ["wasm", 2],
      ["wasm", 1],
      ["js", 1],
    ] as const) {
      await init({ threads });
      setBackend(backend);
      for (let run = 0; run < 2; run++) scope(() => expect(outputsOf(session, { input: x })).toEqual(eager(model, x)));
    }
    await init({ threads: 1 });
    for (const held of [session, model, x]) held.dispose();
  });

  test("stands beside others", () => {
    scope(() => {
      const models = examples.map(({ make }) => make().eval());
      const inputs = examples.map(({ shape }) => randn(shape));
      const sessions = models.map((model, i) => compile(model, inputs[i]!, { optimize: false }));
      const want = models.map((model, i) => eager(model, inputs[i]!));
      for (let round = 0; round < 3; round++) {
        const order = sessions.map((_, i) => (i * 5 + round) % sessions.length);
        for (const i of order) expect(outputsOf(sessions[i]!, { input: inputs[i]! })).toEqual(want[i]);
      }
      sessions.shift()!.dispose();
      for (const [i, s] of sessions.entries()) expect(outputsOf(s, { input: inputs[i + 1]! })).toEqual(want[i + 1]);
      for (const s of sessions) s.dispose();
      for (const model of models) model.dispose();
    });
  });

  test("tells where the time goes, by module and op", () => {
    scope(() => {
      const { make, shape } = examples[0]!;
      const model = make().eval();
      const session = compile(model, randn(shape), { optimize: false });
      const profile = session.profile({ input: randn(shape) });
      const conv = profile.rows[0]!;
      expect(conv).toMatchObject({ module: "conv1", op: "conv", flops: 2 * 2 * 6 * 28 * 28 * 25 });
      expect(profile.rows.reduce((sum, row) => sum + row.share, 0)).toBeCloseTo(1);
      expect(String(profile)).toMatch(/^module +op +ms +share +GFLOP\/s\nconv1 +conv/);
      session.dispose();
      model.dispose();
    });
  });

  test("is seen by a trace around it as a reader of what it is fed", () => {
    scope(() => {
      const inner = compile(new Lambda((x) => x!.mul(3)), tensor([1, 2]));
      const outer = new Lambda((x) => x!.add(inner.run({ input: x! }).output!));
      const session = compile(outer, tensor([1, 2]));
      for (const values of [
        [1, 2],
        [5, 6],
      ]) {
        expect(session.run({ input: tensor(values) }).output!.tolist()).toEqual(values.map((v) => 4 * v));
      }
      session.dispose();
      inner.dispose();
    });
  });
});

describe("a session from a graph", () => {
  test("takes other sizes where the graph has symbols", () => {
    scope(() => {
      const model = new nn.Sequential(new nn.Conv1d(4, 6, 3, { padding: 1 }), new nn.ReLU(), new nn.Flatten()).eval();
      const graph = trace(model, randn([2, 4, 8]), { dynamic: { N: [["input", 0]], L: [["input", 2]] } });
      const session = compile(graph);
      for (const [n, l] of [
        [2, 8],
        [1, 8],
        [5, 3],
        [2, 11],
      ] as const) {
        const x = randn([n, 4, l]);
        const { output } = session.run({ input: x });
        expect(output!.shape).toEqual([n, 6 * l]);
        expect([output!.data()]).toEqual(eager(model, x));
      }
      expectError(() => session.run({ input: randn([2, 5, 8]) }), ShapeError, "[2, 5, 8]", "float32[N, 4, L]");
      expectError(() => session.run({ input: new Float32Array(12) }), ShapeError, "12 values");
      session.dispose();
      model.dispose();
    });
  });

  test.each(examples.filter(({ name }) => name !== "dense blocks"))("does so for $name", ({ make, shape, name }) => {
    const model = make().eval();
    scope(() => {
      const dim = /LSTM|transformer/.test(name) ? 1 : 0;
      const graph = trace(model, randn(shape), { dynamic: { N: [["input", dim]] } });
      const session = compile(graph, { optimize: false });
      for (const batch of [1, 4, 3]) {
        const x = randn(shape.map((n, d) => (d === dim ? batch : n)));
        expect(outputsOf(session, { input: x })).toEqual(eager(model, x));
        expect(outputsOf(session, { input: x.data() as Float32Array })).toEqual(eager(model, x));
      }
      session.dispose();
    });
    model.dispose();
  });

  test("refuses values for which the traced code took another way", () => {
    scope(() => {
      const graph = trace(new Lambda((x) => (x!.sum().item() > 0 ? x!.exp() : x!)), tensor([1, 2]));
      const session = compile(graph);
      expect(session.run({ input: tensor([2, 1]) }).output!.shape).toEqual([2]);
      expectError(() => session.run({ input: tensor([2, 2]) }), RuntimeError, "come out otherwise");
      session.dispose();
    });
  });
});

describe("errors name what is wrong", () => {
  const x = tensor([1, 2, 3]);
  const y = tensor([1, 2, 3]);
  const session = compile(pair(), [x.reshape([1, 3]), y], pairNames);
  const rows = new Lambda((t) => t!.exp());
  const disposed = compile(rows, x);
  disposed.dispose();
  disposed.dispose();

  test.each<[string, () => unknown, new (...args: never[]) => Error, readonly string[]]>([
    ["an unknown input", () => session.run({ x, y, z: y }), ArgumentError, ['no input "z"', '"x", "y"']],
    ["a missing input", () => session.run({ x: x.reshape([1, 3]) }), ArgumentError, ['"y" is missing']],
    ["inputs without names", () => session.run(x as never), ArgumentError, ["without names"]],
    ["a tensor of another dtype", () => session.run({ x, y: tensor([true]) }), DTypeError, ['"y" is bool', "float32"]],
    [
      "an array of another dtype",
      () => session.run({ x, y: new Int32Array(3) }),
      DTypeError,
      ["Int32Array", "Float32Array"],
    ],
    ["plain lists", () => session.run({ x, y: [1, 2, 3] as never }), DTypeError, ["is Array"]],
    ["another rank", () => session.run({ x, y }), ShapeError, ['"x" has shape [3] of rank 1', "rank 2"]],
    ["another length", () => session.run({ x: new Float32Array(4), y }), ShapeError, ["4 values", "3 for [1, 3]"]],
    ["an unknown output", () => session.runInto({ x, y }, { z: x }), ArgumentError, ['no output "z"']],
    [
      "a target of another dtype",
      () => session.runInto({ x, y }, { sum: new Uint8Array(3) }),
      DTypeError,
      ["Uint8Array"],
    ],
    ["a disposed session", () => disposed.run({ input: x }), RuntimeError, ["disposed"]],
    ["a disposed session's memory", () => disposed.memory(), RuntimeError, ["disposed"]],
    ["a model in training", () => compile(new nn.Linear(2, 2), x), RuntimeError, ["Linear", "eval()"]],
    ["no model", () => compile(x as never, x), ArgumentError, ["expected a Module"]],
    ["an unknown option", () => compile(rows, x, { plans: 2 } as never), ArgumentError, ['"plans"']],
    ["no plans", () => compile(rows, x, { maxPlans: 0 }), ArgumentError, ["maxPlans is 0"]],
  ])("%s", (_, fn, type, parts) => expectError(fn, type, ...parts));

  test("a disposed input", () => {
    const gone = tensor([1]);
    gone.dispose();
    expect(() => session.run({ x: gone, y })).toThrow(/was freed/);
    expect(gone).toBeInstanceOf(Tensor);
  });
});
