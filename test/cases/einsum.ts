import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";

/** Loops over every letter; the ellipsis has been written out as digits, and the result is explicit. */
function einsumOracle(terms: readonly string[], output: string, xs: readonly Nd[]): Nd {
  const sizes = new Map<string, number>();
  terms.forEach((term, k) => {
    [...term].forEach((label, d) => {
      const n = xs[k]!.shape[d]!;
      if (n !== 1 || !sizes.has(label)) sizes.set(label, n);
    });
  });
  const labels = [...sizes.keys()];
  const out = new Nd([...output].map((label) => sizes.get(label)!));
  forIndex(
    labels.map((label) => sizes.get(label)!),
    (index) => {
      const of = (label: string): number => index[labels.indexOf(label)]!;
      const product = xs.reduce((p, x, k) => {
        const place = [...terms[k]!].map((label, d) => (x.shape[d] === 1 ? 0 : of(label)));
        return p * x.get(...place);
      }, 1);
      const to = out.at(...[...output].map(of));
      out.data[to] = out.data[to]! + product;
    },
  );
  return out;
}

interface Equation {
  equation: string;
  /** The same, for the oracle. */
  plain?: string;
}

const equation = (text: string, ...shapes: number[][]) => ({
  name: text,
  inputs: shapes.map((shape) => ({ shape })),
  options: { equation: text },
});

export const cases = [
  opCase<Equation>({
    name: "einsum",
    ops: [],
    run: (xs, options) => F.einsum(...(xs as Tensor[]), { equation: options.equation }),
    oracle: (xs, { equation: text, plain = text }) => {
      const [left, right] = plain.split("->");
      return einsumOracle(left!.split(","), right!, xs as Nd[]);
    },
    samples: [
      equation("ij,jk->ik", [3, 4], [4, 5]),
      equation("ij,kj->ki", [3, 4], [5, 4]),
      equation("bij,bjk->bik", [2, 3, 4], [2, 4, 2]),
      equation("bqhd,bkhd->bhqk", [2, 3, 2, 4], [2, 5, 2, 4]),
      equation("bhqk,bkhd->bqhd", [2, 2, 3, 5], [2, 5, 2, 4]),
      equation("ii->", [3, 3]),
      equation("ii->i", [3, 3]),
      equation("iij->ji", [3, 3, 2]),
      equation("iii->i", [2, 2, 2]),
      equation("ij->ji", [2, 3]),
      equation("ij->", [2, 3]),
      equation("ij->i", [2, 3]),
      equation("i,j->ij", [3], [4]),
      equation("i,j->ji", [3], [4]),
      equation("i,i->", [5], [5]),
      equation("i,i->i", [5], [5]),
      equation("bi,bi->b", [3, 4], [3, 4]),
      equation("ij,jk,kl->il", [2, 3], [3, 4], [4, 5]),
      equation("ij,ik,il->jkl", [3, 2], [3, 2], [3, 2]),
      equation("bn,anm,bm->ba", [2, 3], [4, 3, 5], [2, 5]),
      equation("ij,->ij", [2, 3], []),
      equation("ij,k->i", [2, 3], [4]),
      equation("aB,Bc->ac", [2, 3], [3, 2]),
      equation("ij,jk->ik", [2, 0], [0, 3]),
      { ...equation("ij,jk", [2, 3], [3, 4]), options: { equation: "ij,jk", plain: "ij,jk->ik" } },
      { ...equation("ba", [2, 3]), options: { equation: "ba", plain: "ba->ab" } },
      { ...equation("spaces", [2, 3], [3, 4]), options: { equation: " i j , j k -> i k ", plain: "ij,jk->ik" } },
      {
        ...equation("...ij,...jk->...ik", [2, 3, 2, 4], [3, 4, 2]),
        options: { equation: "...ij,...jk->...ik", plain: "10ij,0jk->10ik" },
      },
      {
        ...equation("ellipsis at the end", [2, 3, 4], [2, 3, 1]),
        options: { equation: "i...,i...->...i", plain: "i10,i10->10i" },
      },
      {
        ...equation("summed ellipsis", [2, 3, 4]),
        options: { equation: "i...->i", plain: "i10->i" },
      },
      {
        ...equation("implied ellipsis", [2, 3, 4], [4, 2]),
        options: { equation: "...j,jk", plain: "10j,jk->10k" },
      },
      { ...equation("a size of 1 that stretches", [2, 1], [3, 4]), options: { equation: "ij,jk->ik" } },
    ],
    errors: [
      {
        name: "other sizes",
        inputs: [{ shape: [2, 3] }, { shape: [4, 5] }],
        options: { equation: "ij,jk->ik" },
        message: ["einsum", '"j"', "4", "3"],
      },
      {
        name: "other sizes on a diagonal",
        inputs: [{ shape: [2, 3] }],
        options: { equation: "ii->i" },
        message: ["einsum", '"i"', "3"],
      },
      {
        name: "too few letters",
        inputs: [{ shape: [2, 3] }],
        options: { equation: "i->i" },
        message: ["einsum", "[2, 3]"],
      },
      {
        name: "too many operands",
        inputs: [{ shape: [2] }],
        options: { equation: "i,i->" },
        message: ["einsum", "2", "1"],
      },
      {
        name: "a result from nowhere",
        inputs: [{ shape: [2] }],
        options: { equation: "i->j" },
        message: ["einsum", '"j"'],
      },
      {
        name: "a letter twice in the result",
        inputs: [{ shape: [2] }],
        options: { equation: "i->ii" },
        message: ["einsum", '"i"'],
      },
      { name: "a digit", inputs: [{ shape: [2] }], options: { equation: "1->1" }, message: ["einsum", "letters"] },
      { name: "two ellipses", inputs: [{ shape: [2] }], options: { equation: "......->" }, message: ["einsum", "..."] },
      { name: "two arrows", inputs: [{ shape: [2] }], options: { equation: "i->i->i" }, message: ["einsum", "arrows"] },
      {
        name: "int32",
        inputs: [{ shape: [2], dtype: "int32" }],
        options: { equation: "i->" },
        message: ["einsum", "int32"],
      },
    ],
    bench: [
      {
        name: "attention scores",
        inputs: [{ shape: [4, 128, 8, 64] }, { shape: [4, 128, 8, 64] }],
        options: { equation: "bqhd,bkhd->bhqk" },
        flops: 2 * 4 * 8 * 128 * 128 * 64,
      },
    ],
  }),
  opCase<{ dims?: number | [number[], number[]]; plain: string }>({
    name: "tensordot",
    ops: [],
    run: ([a, b], { dims }) => F.tensordot(a as Tensor, b as Tensor, dims === undefined ? {} : { dims }),
    oracle: (xs, { plain }) => {
      const [left, right] = plain.split("->");
      return einsumOracle(left!.split(","), right!, xs as Nd[]);
    },
    samples: [
      {
        name: "two dimensions",
        inputs: [{ shape: [2, 3, 4] }, { shape: [3, 4, 5] }],
        options: { plain: "ijk,jkl->il" },
      },
      {
        name: "listed",
        inputs: [{ shape: [3, 4, 5] }, { shape: [4, 3, 2] }],
        options: {
          dims: [
            [1, 0],
            [0, 1],
          ],
          plain: "ijk,jil->kl",
        },
      },
      { name: "none", inputs: [{ shape: [2] }, { shape: [3] }], options: { dims: 0, plain: "i,j->ij" } },
    ],
    errors: [
      {
        name: "other sizes",
        inputs: [{ shape: [2, 3] }, { shape: [4, 2] }],
        options: { dims: 1, plain: "" },
        message: ["tensordot", "[2, 3]", "[4, 2]"],
      },
      {
        name: "too many",
        inputs: [{ shape: [2, 3] }, { shape: [3] }],
        options: { plain: "" },
        message: ["tensordot", "dims", "2"],
      },
    ],
  }),
  opCase<unknown>({
    name: "kron",
    ops: [],
    run: ([a, b]) => F.kron(a as Tensor, b as Tensor),
    oracle: ([a, b]) => {
      const rank = Math.max(a!.shape.length, b!.shape.length);
      const pad = (x: Nd): Nd => new Nd([...new Array<number>(rank - x.shape.length).fill(1), ...x.shape], x.data);
      const [p, q] = [pad(a!), pad(b!)];
      const out = new Nd(p.shape.map((n, d) => n * q.shape[d]!));
      forIndex(out.shape, (index, flat) => {
        const outer = index.map((i, d) => Math.floor(i / q.shape[d]!));
        out.data[flat] = p.get(...outer) * q.get(...index.map((i, d) => i % q.shape[d]!));
      });
      return out;
    },
    samples: [
      { name: "matrices", inputs: [{ shape: [2, 3] }, { shape: [3, 2] }] },
      { name: "vector and matrix", inputs: [{ shape: [3] }, { shape: [2, 2] }] },
    ],
  }),
];
