import { afterEach, describe, expect, test } from "vitest";
import { functional as F, manualSeed, memory, nn, scope, setBackend, type Tensor, tensor } from "../src/node.js";

const index = (...values: number[]): Tensor => tensor(Int32Array.from(values));

describe.each(["js", "wasm"] as const)("an Embedding on %s", (backend) => {
  afterEach(() => setBackend("wasm"));

  test("begins as N(0, 1), with zeros in the row of paddingIdx", () => {
    setBackend(backend);
    manualSeed(1);
    const table = new nn.Embedding(200, 50, { paddingIdx: -1 });
    const values = Array.from(table.weight.data());
    const mean = values.reduce((s, v) => s + v, 0) / (199 * 50);
    const square = values.reduce((s, v) => s + v * v, 0) / (199 * 50);
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(square - 1)).toBeLessThan(0.05);
    expect(table.paddingIdx).toBe(199);
    expect(table.weight.select(0, 199).data()).toEqual(new Float32Array(50));
    expect([...table.stateDict().keys()]).toEqual(["weight"]);
    table.dispose();
  });

  test("gives the padding row no gradient, and repeated rows their sum", () => {
    setBackend(backend);
    const table = new nn.Embedding(4, 2, { paddingIdx: 1 });
    scope(() =>
      table
        .forward(index(2, 1, 2, 0))
        .sum()
        .backward(),
    );
    expect(table.weight.grad!.tolist()).toEqual([
      [1, 1],
      [0, 0],
      [2, 2],
      [0, 0],
    ]);
    table.dispose();
  });

  test("scales only the rows that it looks up down to maxNorm, in the weight itself", () => {
    setBackend(backend);
    const table = new nn.Embedding(3, 2, { maxNorm: 1 });
    table.loadStateDict({
      weight: tensor([
        [3, 4],
        [0.3, 0.4],
        [6, 8],
      ]),
    });
    const y = scope(() => table.forward(index(0, 1, 0)));
    const rows = y.tolist() as number[][];
    const want = [0.6, 0.8, 0.3, 0.4, 0.6, 0.8];
    for (const [i, v] of rows.flat().entries()) expect(v).toBeCloseTo(want[i]!, 6);
    expect(table.weight.select(0, 2).tolist()).toEqual([6, 8]);
    expect(table.weight.select(0, 0).data()[1]).toBeCloseTo(0.8, 6);
    y.backward(
      tensor([
        [1, 1],
        [1, 1],
        [1, 1],
      ]),
    );
    expect(table.weight.grad!.select(0, 0).tolist()).toEqual([2, 2]);
  });

  test("can be made from a table, frozen unless told otherwise", () => {
    setBackend(backend);
    const values = tensor([
      [1, 2],
      [3, 4],
    ]);
    const frozen = nn.Embedding.fromPretrained(values);
    expect(frozen.forward(index(1)).tolist()).toEqual([[3, 4]]);
    expect(frozen.weight.requiresGrad).toBe(false);
    expect(nn.Embedding.fromPretrained(values, { freeze: false }).weight.requiresGrad).toBe(true);
  });

  test("refuses an index outside its table and names it", () => {
    setBackend(backend);
    const table = new nn.Embedding(11, 4);
    const wrong = tensor(Int32Array.from([1, 13]));
    const before = memory().liveBlocks;
    expect(() => table.forward(wrong)).toThrow(/Embedding: index 13 .* 0 to 10/);
    expect(memory().liveBlocks).toBe(before);
  });
});

describe("an EmbeddingBag", () => {
  const table = [
    [1, 2],
    [3, 4],
    [5, 0],
    [-1, 7],
  ];
  const bag = (options: ConstructorParameters<typeof nn.EmbeddingBag>[2]): nn.EmbeddingBag => {
    const module = new nn.EmbeddingBag(4, 2, options);
    module.loadStateDict({ weight: tensor(table) });
    return module;
  };

  test("averages the rows of each bag, and gives zeros for an empty one", () => {
    const y = bag({}).forward(index(0, 1, 1, 3), index(0, 2, 2));
    expect(y.tolist()).toEqual([
      [2, 3],
      [0, 0],
      [1, 5.5],
    ]);
  });

  test("sums rows with weights, and differentiates both", () => {
    const module = bag({ mode: "sum" });
    const weights = tensor([[2, -1]], { requiresGrad: true });
    const y = module.forward(tensor(Int32Array.of(0, 2), { shape: [1, 2] }), null, weights);
    expect(y.tolist()).toEqual([[-3, 4]]);
    y.sum().backward();
    expect(weights.grad!.tolist()).toEqual([[3, 5]]);
    expect(module.weight.grad!.tolist()).toEqual([
      [2, 2],
      [0, 0],
      [-1, -1],
      [0, 0],
    ]);
  });

  test("takes the largest value of each column, whose row gets the gradient", () => {
    const module = bag({ mode: "max" });
    const y = module.forward(index(0, 2, 3), index(0, 2));
    expect(y.tolist()).toEqual([
      [5, 2],
      [-1, 7],
    ]);
    y.sum().backward();
    expect(module.weight.grad!.tolist()).toEqual([
      [0, 1],
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
  });

  test("leaves the padding index out of sums and counts", () => {
    const y = bag({ paddingIdx: 1 }).forward(tensor(Int32Array.of(0, 1, 1, 1), { shape: [2, 2] }));
    expect(y.tolist()).toEqual([
      [1, 2],
      [0, 0],
    ]);
  });

  test("takes the last offset for an end if told so", () => {
    const y = bag({ mode: "sum", includeLastOffset: true }).forward(index(0, 1, 2), index(0, 1, 3));
    expect(y.tolist()).toEqual([
      [1, 2],
      [8, 4],
    ]);
  });

  test("refuses bags that make no sense", () => {
    expect(() => bag({}).forward(index(0, 1))).toThrow(/EmbeddingBag: input \[2\] with no offsets/);
    expect(() => bag({}).forward(index(0, 1), index(0, 2, 1))).toThrow(/EmbeddingBag: offsets \[0, 2, 1\]/);
    expect(() => bag({}).forward(index(0, 1), index(1))).toThrow(/begin at 0/);
    expect(() => bag({}).forward(index(0), index(0), tensor([1]))).toThrow(/"mean"; expected \[1\] and "sum"/);
    expect(() => bag({ mode: "min" as "max" })).toThrow(/EmbeddingBag: mode is "min"/);
  });
});

test("an Embedding refuses options that nobody reads", () => {
  expect(() => new nn.Embedding(3, 2, { sparse: true } as object)).toThrow(/Embedding: unknown option "sparse"/);
  expect(() => new nn.Embedding(3, 2, { paddingIdx: 3 })).toThrow(/Embedding: paddingIdx is 3/);
});

test("PixelUnshuffle undoes PixelShuffle", () => {
  const x = tensor(
    Float32Array.from({ length: 8 * 6 }, (_, i) => i),
    { shape: [1, 8, 2, 3] },
  );
  const y = new nn.PixelUnshuffle(2).forward(new nn.PixelShuffle(2).forward(x));
  expect(y.shape).toEqual(x.shape);
  expect(y.data()).toEqual(x.data());
});

test("PairwiseDistance measures the last dimension", () => {
  const far = new nn.PairwiseDistance({ keepdim: true }).forward(tensor([[3, 4]]), tensor([[0, 0]]));
  expect(far.shape).toEqual([1, 1]);
  expect(far.item()).toBeCloseTo(5, 4);
});

test("ChannelShuffle interleaves the groups, CosineSimilarity compares along dimension 1", () => {
  const x = tensor([[[0], [1], [2], [3]]]);
  expect(new nn.ChannelShuffle(2).forward(x).tolist()).toEqual([[[0], [2], [1], [3]]]);
  const similar = new nn.CosineSimilarity().forward(tensor([[3, 4]]), tensor([[4, 3]]));
  expect(similar.item()).toBeCloseTo(0.96, 6);
  expect(F.cosineSimilarity(tensor([[0, 0]]), tensor([[1, 0]])).item()).toBe(0);
});
