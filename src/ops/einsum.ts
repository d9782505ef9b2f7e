import { checkDType } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape, normalizeDim, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { mul } from "./arithmetic.js";
import { permute, reshape } from "./copy.js";
import { matmul } from "./matmul.js";
import { apply } from "./op.js";
import { sumOp } from "./reduce.js";
import { diagonal } from "./view.js";

/** A tensor whose dimensions have names; no name appears twice. */
interface Term {
  readonly x: Tensor;
  readonly labels: readonly string[];
}

/** What an equation says: names of each operand's dimensions, and of the result's. */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/**
 * The labels of every dimension. A letter is its own label; the dimensions of an ellipsis are "0", "1", … counted from the right, so
 * that those of different operands align as in broadcasting.
 */
function parseEquation(equation: string, shapes: readonly Shape[]): Equation {
  const [left, right, ...rest] = equation.replaceAll(" ", "").split("->");
  const terms = left!.split(",");
  if (rest.length > 0) throw new ArgumentError("einsum", `equation "${equation}" has several arrows; expected one`);
  if (terms.length !== shapes.length) {
    throw new ArgumentError(
      "einsum",
      `equation "${equation}" has ${terms.length} operands; expected ${shapes.length}, as tensors are given`,
    );
  }
  let widest = 0;
  const operands = terms.map((term, i) => {
    const named = term.replace("...", "").length;
    const dotted = shapes[i]!.length - named;
    if (dotted < 0 || (dotted > 0 && !term.includes("..."))) {
      throw new ShapeError(
        "einsum",
        `"${term}" names ${named} dimensions of operand ${i}; expected ${shapes[i]!.length} for ${formatShape(shapes[i]!)}`,
      );
    }
    if (term.includes("...")) widest = Math.max(widest, dotted);
    return labelsOf(equation, term, dotted);
  });
  const all = operands.flat();
  const output = right === undefined ? implied(all, widest) : labelsOf(equation, right, widest);
  output.forEach((label, i) => {
    if (output.indexOf(label) !== i || !all.includes(label)) {
      throw new ArgumentError(
        "einsum",
        `equation "${equation}" has "${label}" in its result twice or without an operand; expected each once`,
      );
    }
  });
  return { operands, output };
}

function labelsOf(equation: string, term: string, dotted: number): string[] {
  const [before, after, ...rest] = term.split("...");
  const letters = `${before}${after ?? ""}`;
  if (rest.length > 0 || !/^[A-Za-z]*$/.test(letters)) {
    throw new ArgumentError("einsum", `"${term}" in "${equation}" is no term; expected letters and at most one "..."`);
  }
  const dots = Array.from({ length: dotted }, (_, i) => String(dotted - 1 - i));
  return [...before!, ...(after === undefined ? [] : dots), ...(after ?? "")];
}

/** Without an arrow: the ellipsis, then every letter that appears once, in alphabetical order. */
function implied(all: readonly string[], widest: number): string[] {
  const dots = Array.from({ length: widest }, (_, i) => String(widest - 1 - i));
  const once = all.filter((label) => /[A-Za-z]/.test(label) && all.indexOf(label) === all.lastIndexOf(label));
  return [...dots, ...once.sort()];
}

/** Sums of products over named dimensions; see `functional.einsum`. */
export function einsum(equation: string, xs: readonly Tensor[]): Tensor {
  const { operands, output } = parseEquation(
    equation,
    xs.map((x) => x.shape),
  );
  xs.forEach((x, i) => {
    checkDType("einsum", `operand ${i}`, x, "float32");
  });
  const sizes = sizesOf(equation, xs, operands);
  const terms = xs.map((x, i) => withoutOnes(withoutRepeats(x, operands[i]!), sizes));
  return arranged(contractAll(terms, output, sizes), output);
}

/** The size of each label; a size of 1 stretches. */
function sizesOf(equation: string, xs: readonly Tensor[], operands: Equation["operands"]): Map<string, number> {
  const sizes = new Map<string, number>();
  operands.forEach((labels, i) => {
    labels.forEach((label, d) => {
      const n = xs[i]!.shape[d]!;
      const known = sizes.get(label) ?? 1;
      const repeated = labels.indexOf(label) !== d && n !== xs[i]!.shape[labels.indexOf(label)];
      if (repeated || (known !== n && known !== 1 && n !== 1)) {
        throw new ShapeError(
          "einsum",
          `"${label}" of "${equation}" has size ${n} in operand ${i} ${formatShape(xs[i]!.shape)}; expected ${known}, as before`,
        );
      }
      sizes.set(label, known === 1 ? n : known);
    });
  });
  return sizes;
}

/** A repeated label means the diagonal of its dimensions. */
function withoutRepeats(x: Tensor, labels: readonly string[]): Term {
  const second = labels.findIndex((label, d) => labels.indexOf(label) !== d);
  if (second < 0) return { x, labels };
  const label = labels[second]!;
  const first = labels.indexOf(label);
  const rest = labels.filter((_, d) => d !== first && d !== second);
  return withoutRepeats(diagonal(x, 0, first, second), [...rest, label]);
}

/** Drops dimensions of size 1 that stretch along another operand's: a factor without a dimension is constant along it. */
function withoutOnes({ x, labels }: Term, sizes: ReadonlyMap<string, number>): Term {
  const kept = labels.filter((label, d) => x.shape[d] === sizes.get(label));
  if (kept.length === labels.length) return { x, labels };
  const shape = x.shape.filter((n, d) => n === sizes.get(labels[d]!));
  return { x: reshape(x, shape), labels: kept };
}

/** Multiplies the terms pair by pair, always the pair whose loop is shortest, and sums each label as soon as nobody needs it. */
function contractAll(terms: readonly Term[], output: readonly string[], sizes: ReadonlyMap<string, number>): Term {
  const open = terms.map((term, i) =>
    summed(
      term,
      neededBy(
        terms.filter((_, k) => k !== i),
        output,
      ),
    ),
  );
  while (open.length > 1) {
    const [i, j] = cheapestPair(open, sizes);
    const others = open.filter((_, k) => k !== i && k !== j);
    const product = contract(open[i]!, open[j]!, neededBy(others, output), output);
    open.splice(j, 1);
    open.splice(i, 1, product);
  }
  return open[0]!;
}

function neededBy(terms: readonly Term[], output: readonly string[]): Set<string> {
  return new Set([...terms.flatMap((t) => t.labels), ...output]);
}

function cheapestPair(terms: readonly Term[], sizes: ReadonlyMap<string, number>): [number, number] {
  let best: [number, number] = [0, 1];
  let least = Infinity;
  for (let i = 0; i < terms.length; i++) {
    for (let j = i + 1; j < terms.length; j++) {
      const loop = new Set([...terms[i]!.labels, ...terms[j]!.labels]);
      const cost = [...loop].reduce((p, label) => p * sizes.get(label)!, 1);
      if (cost < least) [best, least] = [[i, j], cost];
    }
  }
  return best;
}

/** Sums the dimensions that nobody needs any more. */
function summed({ x, labels }: Term, needed: ReadonlySet<string>): Term {
  const dims = [...labels.keys()].filter((d) => !needed.has(labels[d]!));
  if (dims.length === 0) return { x, labels };
  return {
    x: apply(sumOp, [x], { dims, keepdim: false })[0],
    labels: labels.filter((label) => needed.has(label)),
  };
}

/** The tensor with its dimensions in that order. */
function arranged({ x, labels }: Term, order: readonly string[]): Tensor {
  const dims = order.map((label) => labels.indexOf(label));
  return dims.every((d, i) => d === i) ? x : permute(x, dims);
}

/**
 * The product of two terms, summed over what both have and nobody needs: a batched matrix product of
 * [batch…, free of a, summed] and [batch…, summed, free of b]. Without a summed label it is an element-wise product.
 */
function contract(a: Term, b: Term, needed: ReadonlySet<string>, output: readonly string[]): Term {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const over = shared.filter((label) => !needed.has(label));
  const free = (t: Term): string[] => t.labels.filter((label) => !shared.includes(label));
  const [freeA, freeB] = [free(a), free(b)];
  // The operand whose free dimensions come first in the result is the left one: its product needs no reordering.
  if (freeB.length > 0 && output.indexOf(freeB[0]!) < output.indexOf(freeA[0] ?? "")) {
    return contract(b, a, needed, output);
  }
  const sizes = (t: Term, labels: readonly string[]): number[] => labels.map((l) => t.x.shape[t.labels.indexOf(l)]!);
  const lead = sizes(a, batch);
  const labels = [...batch, ...freeA, ...freeB];
  const shape = [...lead, ...sizes(a, freeA), ...sizes(b, freeB)];
  if (over.length === 0) {
    const left = reshape(arranged(a, [...batch, ...freeA]), [...lead, ...sizes(a, freeA), ...freeB.map(() => 1)]);
    const right = reshape(arranged(b, [...batch, ...freeB]), [...lead, ...freeA.map(() => 1), ...sizes(b, freeB)]);
    return { x: mul(left, right), labels };
  }
  const k = numel(sizes(a, over));
  const left = reshape(arranged(a, [...batch, ...freeA, ...over]), [...lead, numel(sizes(a, freeA)), k]);
  const right = reshape(arranged(b, [...batch, ...over, ...freeB]), [...lead, k, numel(sizes(b, freeB))]);
  return { x: reshape(matmul(left, right), shape), labels };
}

/** Sums a · b over pairs of dimensions; the remaining ones of a come first, then those of b. */
export function tensordot(a: Tensor, b: Tensor, dimsA: readonly number[], dimsB: readonly number[]): Tensor {
  checkDType("tensordot", "first operand", a, "float32");
  checkDType("tensordot", "second operand", b, "float32");
  const overA = dimsA.map((d) => normalizeDim("tensordot", d, a.ndim));
  const overB = dimsB.map((d) => normalizeDim("tensordot", d, b.ndim));
  const pairsUp =
    overA.length === overB.length && new Set(overA).size === overA.length && new Set(overB).size === overB.length;
  if (!pairsUp || overA.some((d, i) => a.shape[d] !== b.shape[overB[i]!])) {
    throw new ShapeError(
      "tensordot",
      `dims [${dimsA.join(", ")}] of ${formatShape(a.shape)} and [${dimsB.join(", ")}] of ${formatShape(b.shape)} do not pair up; expected equal sizes`,
    );
  }
  const labelsA = a.shape.map((_, d) => (overA.includes(d) ? `k${overA.indexOf(d)}` : `a${d}`));
  const labelsB = b.shape.map((_, d) => (overB.includes(d) ? `k${overB.indexOf(d)}` : `b${d}`));
  const output = [...labelsA, ...labelsB].filter((label) => !label.startsWith("k"));
  return contract({ x: a, labels: labelsA }, { x: b, labels: labelsB }, new Set(output), output).x;
}

/** Kronecker product: every element of a times the whole of b, as blocks. Missing leading dimensions are 1. */
export function kron(a: Tensor, b: Tensor): Tensor {
  const rank = Math.max(a.ndim, b.ndim);
  const padded = (x: Tensor): number[] => [...new Array<number>(rank - x.ndim).fill(1), ...x.shape];
  const [sizesA, sizesB] = [padded(a), padded(b)];
  const blocks = mul(
    reshape(
      a,
      sizesA.flatMap((n) => [n, 1]),
    ),
    reshape(
      b,
      sizesB.flatMap((n) => [1, n]),
    ),
  );
  return reshape(
    blocks,
    sizesA.map((n, d) => n * sizesB[d]!),
  );
}
