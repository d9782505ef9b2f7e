import { expect, test } from "vitest";
import { type Tensor, tensor } from "../src/node.js";

const int = (...values: number[]): Tensor => tensor(Int32Array.from(values));
const x = tensor([
  [1, 2, 3],
  [4, 5, 6],
]);

test("shape methods take PyTorch's positional arguments", () => {
  expect(x.view(3, 2).tolist()).toEqual(
    x
      .reshapeAs(
        tensor([
          [0, 0],
          [0, 0],
          [0, 0],
        ]),
      )
      .tolist(),
  );
  expect(x.viewAs(tensor([0, 0, 0, 0, 0, 0])).tolist()).toEqual(x.ravel().tolist());
  expect(x.unsqueeze(1).squeeze(1).shape).toEqual([2, 3]);
  expect(x.select(0, 1).expandAs(x).tolist()).toEqual([
    [4, 5, 6],
    [4, 5, 6],
  ]);
  expect(x.broadcastTo([2, 2, 3]).shape).toEqual([2, 2, 3]);
  expect(x.unflatten(1, [3, 1]).swapaxes(0, 1).shape).toEqual([3, 2, 1]);
  expect(x.moveaxis(0, 1).tolist()).toEqual(x.movedim(1, 0).tolist());
  expect(x.split([1, 2], 1).map((t) => t.tolist())).toEqual([
    [[1], [4]],
    [
      [2, 3],
      [5, 6],
    ],
  ]);
  expect(x.chunk(3, 1).length).toBe(3);
  expect(x.unbind(1)[2]!.tolist()).toEqual([3, 6]);
  expect(x.diagonal(1).tolist()).toEqual([2, 6]);
  expect(x.diag(-1).tolist()).toEqual([4]);
  expect(x.diagEmbed().shape).toEqual([2, 3, 3]);
});

test("rearranging methods take PyTorch's positional arguments", () => {
  expect(x.flip(0, 1).tolist()).toEqual([
    [6, 5, 4],
    [3, 2, 1],
  ]);
  expect(x.roll(1, 1).select(0, 0).tolist()).toEqual([3, 1, 2]);
  expect(x.repeat(2, 1).shape).toEqual([4, 3]);
  expect(x.tile(2).shape).toEqual([2, 6]);
  expect(x.repeatInterleave(2, 0).shape).toEqual([4, 3]);
  expect(x.rot90().tolist()).toEqual([
    [3, 6],
    [2, 5],
    [1, 4],
  ]);
  expect(x.tril().tolist()).toEqual([
    [1, 0, 0],
    [4, 5, 0],
  ]);
  expect(x.triu(1).tolist()).toEqual([
    [0, 2, 3],
    [0, 0, 6],
  ]);
  expect(x.sliceScatter(tensor([[9], [8]]), 1, { start: 2 }).tolist()).toEqual([
    [1, 2, 9],
    [4, 5, 8],
  ]);
});

test("indexing methods take the dimension first", () => {
  const at = tensor(Int32Array.of(2, 0), { shape: [2, 1] });
  const ones = tensor([[10], [20]]);
  expect(x.gather(1, at).tolist()).toEqual([[3], [4]]);
  expect(x.takeAlongDim(at, 1).tolist()).toEqual([[3], [4]]);
  expect(x.scatter(1, at, 0).tolist()).toEqual([
    [1, 2, 0],
    [0, 5, 6],
  ]);
  expect(x.scatterAdd(1, at, ones).tolist()).toEqual([
    [1, 2, 13],
    [24, 5, 6],
  ]);
  expect(x.scatterReduce(1, at, ones, "mean").tolist()).toEqual([
    [1, 2, 6.5],
    [12, 5, 6],
  ]);
  expect(x.indexSelect(1, int(2, 2)).tolist()).toEqual([
    [3, 3],
    [6, 6],
  ]);
  expect(
    x
      .indexCopy(0, int(0), tensor([[7, 8, 9]]))
      .select(0, 0)
      .tolist(),
  ).toEqual([7, 8, 9]);
  expect(
    x
      .indexAdd(0, int(0), tensor([[1, 1, 1]]), { alpha: 2 })
      .select(0, 0)
      .tolist(),
  ).toEqual([3, 4, 5]);
  expect(x.indexFill(1, int(1), 0).select(0, 1).tolist()).toEqual([4, 0, 6]);
  expect(x.index([int(0, 1), int(-1, 0)]).tolist()).toEqual([3, 4]);
  expect(
    x
      .indexPut([int(1)], tensor([0, 0, 1]), true)
      .select(0, 1)
      .tolist(),
  ).toEqual([4, 5, 7]);
  expect(x.take(int(-1, 0)).tolist()).toEqual([6, 1]);
});

test("masks select, fill and find", () => {
  const mask = tensor([
    [true, false, true],
    [false, false, true],
  ]);
  expect(x.maskedFill(mask, 0).tolist()).toEqual([
    [0, 2, 0],
    [4, 5, 0],
  ]);
  expect(x.maskedSelect(mask).tolist()).toEqual([1, 3, 6]);
  expect(x.maskedScatter(mask, tensor([7, 8, 9])).tolist()).toEqual([
    [7, 2, 8],
    [4, 5, 9],
  ]);
  expect(mask.nonzero().tolist()).toEqual([
    [0, 0],
    [0, 2],
    [1, 2],
  ]);
});

test("ordering methods return values and indices", () => {
  const y = tensor([3, 1, 2, 1]);
  expect(y.sort(-1, true).map((t) => t.tolist())).toEqual([
    [3, 2, 1, 1],
    [0, 2, 1, 3],
  ]);
  expect(y.argsort().tolist()).toEqual([1, 3, 2, 0]);
  expect(y.topk(2)[1].tolist()).toEqual([0, 2]);
  expect(y.kthvalue(3)[0].item()).toBe(2);
  expect(y.median().item()).toBe(1);
  expect(y.median(0, true)[0].shape).toEqual([1]);
  expect(y.unique().tolist()).toEqual([1, 2, 3]);
  expect(y.cumprod(0).tolist()).toEqual([3, 3, 6, 6]);
});

test("matrix methods solve and factor", () => {
  const a = tensor([
    [4, 2],
    [2, 5],
  ]);
  expect(a.det().item()).toBeCloseTo(16, 5);
  expect(a.inverse().matmul(a).data()[0]).toBeCloseTo(1, 6);
  expect(a.cholesky().data()[2]).toBeCloseTo(1, 6);
  expect(a.qr()[1].data()[2]).toBe(0);
  expect(a.kron(tensor([[1, 2]])).shape).toEqual([2, 4]);
});

test("T, mT and t() transpose; t() takes nothing above a matrix", () => {
  const batch = x.unsqueeze(0);
  expect(x.T.tolist()).toEqual(x.t().tolist());
  expect(batch.T.shape).toEqual([3, 2, 1]);
  expect(batch.mT.shape).toEqual([1, 3, 2]);
  expect(batch.mT.select(0, 0).tolist()).toEqual(x.T.tolist());
  expect(int(1, 2).t().tolist()).toEqual([1, 2]);
  expect(() => batch.t()).toThrow("t: input has shape [1, 2, 3] of rank 3; expected rank 0 or 1 or 2");
  const leaf = tensor([[1, 2]], { requiresGrad: true });
  leaf.T.sum().backward();
  expect(leaf.grad!.tolist()).toEqual([[1, 1]]);
});

test("conversions have PyTorch's short names", () => {
  expect(tensor([1.7, -1.7, 0]).int().dtype).toBe("int32");
  expect(tensor([1.7, -1.7, 0]).int().tolist()).toEqual([1, -1, 0]);
  expect(int(2, 0).bool().tolist()).toEqual([true, false]);
  expect(int(2, 0).float().dtype).toBe("float32");
  expect(x.dim()).toBe(2);
});

test("products with a summand and outer products are methods too", () => {
  const [a, b] = [tensor([1, 2]), tensor([3, 4])];
  expect(a.outer(b).tolist()).toEqual([
    [3, 4],
    [6, 8],
  ]);
  const product = x.mm(x.T);
  expect(x.mm(x.T).addmm(x, x.T, { beta: -1 }).tolist()).toEqual([
    [0, 0],
    [0, 0],
  ]);
  expect(product.unsqueeze(0).baddbmm(x.unsqueeze(0), x.T.unsqueeze(0), { beta: 0, alpha: 2 }).tolist()).toEqual([
    product.mul(2).tolist(),
  ]);
  expect(tensor([NaN, Infinity, 1]).isfinite().tolist()).toEqual([false, false, true]);
});

test('norm takes PyTorch\'s "fro", and no other word', () => {
  expect(tensor([3, 4]).norm("fro").item()).toBe(5);
  expect(() => tensor([3, 4]).norm("max" as never)).toThrow('norm: p is "max"; expected a number');
});
