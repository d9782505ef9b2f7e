import { checkInteger } from "../check.js";
import { ArgumentError } from "../errors.js";
import { cat, contiguous, narrow, viewOp } from "../ops/copy.js";
import { expandOp } from "../ops/reduce.js";
import type { Tensor } from "../tensor.js";
import { fitInverse, fitSize, type Sizes } from "./affine.js";
import type { Dim, GraphNode, GraphParts, SymbolicAttr, Value } from "./graph.js";
import { nodeOf, runs } from "./node.js";
import { Names } from "./recorder.js";
import type { DynamicSizes } from "./trace.js";

/** A symbol with its size in the examples, and the dimensions that it stands for. */
export interface SizeSymbol {
  readonly name: string;
  readonly size: number;
  readonly places: readonly (readonly [input: string, dim: number])[];
}

/** What a module computes for one choice of sizes. */
export interface Sample {
  readonly sizes: Sizes;
  readonly parts: GraphParts;
}

/** The symbols of the option `dynamic`, checked. */
export function checkDynamic(inputs: ReadonlyMap<string, Tensor>, dynamic: DynamicSizes): SizeSymbol[] {
  return Object.entries(dynamic).map(([name, given]) => {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new ArgumentError("trace", `symbol "${name}" is no name; expected letters, digits and _`);
    }
    const found = given.map(([input, dim]) => {
      const t = inputs.get(input);
      if (t === undefined) {
        const known = [...inputs.keys()].map((key) => `"${key}"`).join(", ");
        throw new ArgumentError("trace", `symbol ${name} is a size of "${input}"; expected one of ${known}`);
      }
      checkInteger("trace", `the dimension of "${input}" that is ${name}`, dim, 0, t.ndim - 1);
      return t.size(dim);
    });
    const sizes = new Set(found);
    if (sizes.size !== 1) {
      throw new ArgumentError("trace", `symbol ${name} has the sizes ${[...sizes].join(", ")}; expected one size`);
    }
    const size = [...sizes][0]!;
    if (size === 0) throw new ArgumentError("trace", `symbol ${name} has size 0; expected an example of size ≥ 1`);
    // What broadcasts, and what is left out for a size of 1, must not be taken for the rule.
    return { name, size: Math.max(size, 2), places: given };
  });
}

interface Inputs {
  readonly sizes: Sizes;
  /** What stands for each tensor whose size changes. */
  readonly tensors: ReadonlyMap<Tensor, Tensor>;
}

/**
 * The sizes at which to look: those of the examples, two more of each symbol, so that what is not affine shows, and all changed at
 * once, so that products of symbols show. The largest power of two in a size is its step: models that halve can then do so as often.
 */
export function samplesOf(inputs: ReadonlyMap<string, Tensor>, symbols: readonly SizeSymbol[]): Inputs[] {
  const base: Record<string, number> = Object.fromEntries(symbols.map(({ name, size }) => [name, size]));
  const step = (size: number): number => size & -size;
  const points: Sizes[] = [base];
  for (const { name, size } of symbols) {
    for (const k of [1, 2]) points.push({ ...base, [name]: size + k * step(size) });
  }
  if (symbols.length > 1) {
    points.push(Object.fromEntries(symbols.map(({ name, size }) => [name, size + step(size)])));
  }
  return points.map((sizes) => {
    const tensors = new Map<Tensor, Tensor>();
    for (const { name, places } of symbols) {
      for (const [input, dim] of places) {
        const t = inputs.get(input)!;
        tensors.set(t, repeated(tensors.get(t) ?? t, dim, sizes[name]!));
      }
    }
    return { sizes, tensors };
  });
}

/** The values of a dimension over and over until there are `size` of them. */
function repeated(t: Tensor, dim: number, size: number): Tensor {
  const n = t.size(dim);
  if (n === size) return t;
  const times = Math.ceil(size / n);
  return contiguous(narrow(cat(new Array<Tensor>(times).fill(t), dim), dim, 0, size));
}

/** One graph for all sizes, from graphs for some. Errors: ArgumentError if they are not the same but for numbers. */
export function generalised(samples: readonly Sample[]): GraphParts {
  const [base] = samples as readonly [Sample];
  const merger = new Merger(samples);
  const inputs = base.parts.inputs.map((value, i) =>
    merger.value(
      value,
      samples.map((s) => s.parts.inputs[i]!),
    ),
  );
  const { constants, nodes: fills } = merger.constants();
  const nodes = base.parts.nodes.map((node, i) =>
    merger.node(
      node,
      samples.map((s) => s.parts.nodes[i]!),
    ),
  );
  const guards = base.parts.guards.map(({ value, data }) => ({ value: merger.of(value), data }));
  const outputs = base.parts.outputs.map((value) => merger.of(value));
  return { inputs, outputs, constants, nodes: [...fills, ...nodes], guards };
}

class Merger {
  private readonly merged = new Map<Value, Value>();

  constructor(private readonly samples: readonly Sample[]) {
    const [base, ...others] = samples.map((s) => wiring(s.parts)) as [string[], ...string[][]];
    for (const [k, other] of others.entries()) {
      const at = base.findIndex((line, i) => line !== other[i]);
      if (at < 0 && base.length === other.length) continue;
      throw this.misfit(k + 1, `the model runs other ops: ${other[at] ?? "none"} instead of ${base[at] ?? "none"}`);
    }
  }

  of(value: Value): Value {
    return this.merged.get(value)!;
  }

  value(value: Value, alike: readonly Value[]): Value {
    const dims = value.shape.map((_, d): Dim => this.fit(alike.map((v) => v.shape[d]!)));
    const made = { ...value, dims };
    this.merged.set(value, made);
    return made;
  }

  node(node: GraphNode, alike: readonly GraphNode[]): GraphNode {
    const { op, attrs, module } = node;
    const symbolic: SymbolicAttr[] = [];
    this.attributes(
      node,
      [],
      alike.map((n) => n.attrs),
      symbolic,
    );
    const inputs = node.inputs.map((value) => value && this.of(value));
    const outputs = node.outputs.map((value, i) =>
      this.value(
        value,
        alike.map((n) => n.outputs[i]!),
      ),
    );
    const made = { op, inputs, outputs, attrs, module };
    return symbolic.length === 0 ? made : { ...made, symbolic };
  }

  /** Constants that change with a size are one value everywhere, stretched; all others are the same at all sizes. */
  constants(): { constants: Map<Value, Tensor>; nodes: GraphNode[] } {
    const lists = this.samples.map((s) => [...s.parts.constants]);
    const names = new Names(lists[0]!.map(([value]) => value.name));
    const constants = new Map<Value, Tensor>();
    const nodes: GraphNode[] = [];
    for (const [i, [value, tensor]] of lists[0]!.entries()) {
      const made = this.value(
        value,
        lists.map((list) => list[i]![0]),
      );
      const tensors = lists.map((list) => list[i]![1]);
      const other = tensors.findIndex((t) => !sameValues(t, tensor));
      if (other < 0) {
        constants.set(made, tensor);
        continue;
      }
      if (!tensors.every((t) => isUniform(t, tensor))) {
        throw this.misfit(other, `constant "${value.name}" has other values, which no op computes`);
      }
      const scalar = tensor.alias({ shape: [], strides: [], offset: tensor.offset });
      const { dtype } = value;
      const from: Value = { name: names.fresh("constant"), dtype, shape: [], dims: [] };
      constants.set(from, scalar);
      const node = nodeOf(expandOp, [from], [made], { shape: value.shape });
      const symbolic = made.dims.flatMap((size, d) => this.symbolic(["shape", d], size, node));
      nodes.push({ ...node, symbolic });
    }
    return { constants, nodes };
  }

  private attributes(
    node: GraphNode,
    path: SymbolicAttr["path"],
    values: readonly unknown[],
    to: SymbolicAttr[],
  ): void {
    const [base] = values;
    if (values.every((v) => Object.is(v, base))) return;
    if (isNumbers(values)) {
      const size = this.fit(values);
      const inverse =
        size === null
          ? fitInverse(
              this.samples.map((s) => s.sizes),
              values,
            )
          : null;
      if (inverse !== null) to.push({ path, size: inverse, inverse: true });
      else to.push(...this.symbolic(path, size, node));
      return;
    }
    const keys = values.map((v) => (typeof v === "object" && v !== null ? Object.keys(v).join() : null));
    if (keys[0] === null || keys.some((k) => k !== keys[0])) {
      const other = values.findIndex((v) => !Object.is(v, base));
      throw this.misfit(other, `"${path.join(".")}" of ${node.op.name} in "${node.module}" is another value`);
    }
    for (const key of Object.keys(base as object)) {
      const isList = Array.isArray(base) || ArrayBuffer.isView(base);
      const inner = values.map((v): unknown => Reflect.get(v as object, key));
      this.attributes(node, [...path, isList ? Number(key) : key], inner, to);
    }
  }

  /** A size within attributes. Only a reshape can do without one. */
  private symbolic(path: SymbolicAttr["path"], size: Dim, node: GraphNode): SymbolicAttr[] {
    if (typeof size === "number") return [];
    if (size === null && !runs(node, viewOp)) {
      const where = `"${path.join(".")}" of ${node.op.name} in "${node.module}"`;
      throw new ArgumentError("trace", `${where} is no whole multiple of the symbols plus a number; expected one`);
    }
    return [{ path, size }];
  }

  private fit(values: readonly number[]): Dim {
    return fitSize(
      this.samples.map((s) => s.sizes),
      values,
    );
  }

  private misfit(sample: number, what: string): ArgumentError {
    const sizes = Object.entries(this.samples[sample]!.sizes).map(([name, n]) => `${name} = ${n}`);
    return new ArgumentError("trace", `for ${sizes.join(", ")} ${what}; expected the same for all sizes`);
  }
}

/** One line for each input, constant, op and output that tells what it is connected with. */
function wiring({ inputs, outputs, constants, nodes, guards }: GraphParts): string[] {
  const names = (values: readonly (Value | null)[]): string => values.map((value) => value?.name ?? "null").join(", ");
  return [
    `inputs ${names(inputs)}`,
    `constants ${names([...constants.keys()])}`,
    ...nodes.map((node) => `${node.op.name}(${names(node.inputs)}) in "${node.module}"`),
    `guards ${names(guards.map((guard) => guard.value))}`,
    `outputs ${names(outputs)}`,
  ];
}

function isNumbers(values: readonly unknown[]): values is readonly number[] {
  return values.every((v) => typeof v === "number");
}

function sameValues(a: Tensor, b: Tensor): boolean {
  if (a.storage === b.storage) return true;
  if (a.numel !== b.numel || a.shape.join() !== b.shape.join()) return false;
  const other = b.data();
  return a.data().every((v, i) => Object.is(v, other[i]));
}

function isUniform(t: Tensor, like: Tensor): boolean {
  const value = like.data()[0];
  return t.numel > 0 && t.data().every((v) => Object.is(v, value));
}
