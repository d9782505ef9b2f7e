import type { Dim, GraphParts, SymbolicSize, Value } from "../graph/graph.js";
import { Names } from "../graph/recorder.js";
import { formatDim } from "../graph/text.js";
import type { Tensor } from "../tensor.js";
import type { DType, Shape } from "../types.js";
import { elementTypeOf } from "./elements.js";
import { ExportProblem } from "./export_problem.js";
import { type Attributes, nodeOfType } from "./export_proto.js";
import type { Elem } from "./handler.js";
import {
  type GraphProto,
  graphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
  valueInfoProto,
} from "./messages.js";
import { encodeTensor, encodeValues, type Outside, placed } from "./tensors.js";

/** The name of a value in the file. */
export type Name = string;

/** Number of an element type in TensorProto.DataType. */
export function codeOf(elem: Elem): number {
  return elementTypeOf(elem)!.code;
}

/** A node whose values may still be renamed. */
interface Draft {
  readonly opType: string;
  readonly inputs: Name[];
  readonly outputs: Name[];
  readonly attributes: Attributes;
}

/** Where the size of a symbol is found. */
interface Place {
  readonly input: Name;
  readonly dim: number;
  readonly size: SymbolicSize;
}

/** Collects nodes and initializers under names that nothing else has. */
export class Writer {
  private drafts: Draft[] = [];
  private readonly literals = new Map<Name, TensorProto>();
  private readonly shared = new Map<string, Name>();
  private readonly constants = new Map<Name, Tensor>();
  /** The int64 values that int32 ones were cast from. */
  private readonly wide = new Map<Name, Name>();
  private readonly symbols = new Map<string, Place>();
  private readonly names: Names;
  /** What names of new values begin with. */
  private prefix = "";

  constructor(
    readonly opset: number,
    graph: GraphParts,
  ) {
    const values = [...graph.inputs, ...graph.constants.keys(), ...graph.nodes.flatMap((node) => node.outputs)];
    this.names = new Names(values.map((value) => value.name));
    for (const [value, tensor] of graph.constants) this.constants.set(value.name, tensor);
    for (const { name, dims } of graph.inputs) {
      for (const [dim, size] of dims.entries()) {
        if (size === null || typeof size === "number") continue;
        const [symbol, ...others] = Object.keys(size.factors);
        if (symbol !== undefined && others.length === 0 && !this.symbols.has(symbol))
          this.symbols.set(symbol, { input: name, dim, size });
      }
    }
  }

  fresh(word: string): Name {
    return this.names.fresh(this.prefix + word);
  }

  /** A node with some outputs. Operands that are null are left out. */
  emit(opType: string, inputs: readonly (Name | null)[], attributes: Attributes, outputs: number): Name[] {
    const given = inputs.map((name) => name ?? "");
    while (given.at(-1) === "") given.pop();
    const made = Array.from({ length: outputs }, () => this.fresh(opType));
    this.drafts.push({ opType, inputs: given, outputs: made, attributes });
    return [...made];
  }

  /** A node with one output. */
  op(opType: string, inputs: readonly (Name | null)[], attributes: Attributes = {}): Name {
    return this.emit(opType, inputs, attributes, 1)[0]!;
  }

  /**
   * Runs `write`, which makes some values, and gives what it made their names: a name that it only passes on stays. Returns how the
   * values are called.
   */
  naming(values: readonly Value[], write: () => readonly (Name | null)[]): readonly (Name | null)[] {
    const start = this.drafts.length;
    this.prefix = `${values[0]!.name}.`;
    try {
      const made = write();
      const added = this.drafts.slice(start);
      const open = new Set(added.flatMap(({ outputs }) => outputs));
      return made.map((name, i) =>
        name !== null && open.delete(name) ? this.rename(added, name, values[i]!.name) : name,
      );
    } finally {
      this.prefix = "";
    }
  }

  private rename(drafts: readonly Draft[], from: Name, to: Name): Name {
    for (const { inputs, outputs } of drafts) {
      for (const list of [inputs, outputs]) for (const [i, name] of list.entries()) if (name === from) list[i] = to;
    }
    for (const [narrow, wide] of [...this.wide]) {
      if (narrow === from) this.wide.set(to, wide);
      if (wide === from) this.wide.set(narrow, to);
    }
    for (const [key, name] of this.shared) if (name === from) this.shared.set(key, to);
    return to;
  }

  /** Gives a value that a node makes another name, unless its own is one of `fixed`; tells whether it has. */
  claim(from: Name, to: Name, fixed: ReadonlySet<Name>): boolean {
    if (fixed.has(from) || !this.drafts.some(({ outputs }) => outputs.includes(from))) return false;
    this.rename(this.drafts, from, to);
    return true;
  }

  /** The nodes that `write` makes, as a graph within a node; they may read values from around it. */
  body(inputs: readonly Name[], write: () => readonly Name[]): GraphProto {
    const outer = this.drafts;
    this.drafts = [];
    try {
      const outputs = write();
      const infos = (list: readonly Name[]): ValueInfoProto[] =>
        list.map((name) => ({ ...valueInfoProto.absent, name }));
      const node = this.drafts.map((d) => nodeOfType(d.opType, d.inputs, d.outputs, d.attributes));
      return { ...graphProto.absent, name: this.fresh("body"), node, input: infos(inputs), output: infos(outputs) };
    } finally {
      this.drafts = outer;
    }
  }

  /** A constant that the file holds; equal ones are shared. */
  literal(elem: Elem, shape: Shape, values: readonly number[]): Name {
    return this.once(`${elem} ${shape.join()} ${values.map((v) => (Object.is(v, -0) ? "-0" : v)).join()}`, () => {
      const name = this.fresh(elem);
      this.literals.set(name, encodeValues(elementTypeOf(elem)!, shape, values, name));
      return name;
    });
  }

  /** The same value again, if it has been made. */
  private once(key: string, make: () => Name): Name {
    const known = this.shared.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.shared.set(key, made);
    return made;
  }

  /** A list of int64. */
  ints(values: readonly number[]): Name {
    return this.literal("int64", [values.length], values);
  }

  /** A number without dimensions, as other operand of something of that dtype. */
  scalar(value: number, dtype: DType = "float32"): Name {
    return this.literal(dtype, [], [value]);
  }

  /** Sizes as a list of int64: a constant, or computed from the shapes of the inputs. Errors: ExportProblem for a size that is not known. */
  sizes(dims: readonly Dim[]): Name {
    if (dims.every((size) => typeof size === "number")) return this.ints(dims);
    const parts: Name[] = [];
    let run: number[] = [];
    const close = (): void => {
      if (run.length > 0) parts.push(this.ints(run));
      run = [];
    };
    for (const size of dims) {
      if (typeof size === "number") run.push(size);
      else {
        close();
        parts.push(this.size(size));
      }
    }
    close();
    return parts.length === 1 ? parts[0]! : this.op("Concat", parts, { axis: 0 });
  }

  /** One size as a list of int64. */
  size(size: Dim): Name {
    if (typeof size === "number") return this.ints([size]);
    if (size === null) throw new ExportProblem("a size is no multiple of the symbols plus a number; expected one");
    return this.once(`size ${formatDim(size)}`, () => {
      const terms = Object.entries(size.factors).map(([symbol, factor]) => {
        const found = this.symbol(symbol);
        return factor === 1 ? found : this.op("Mul", [found, this.ints([factor])]);
      });
      const sum = terms.reduce((a, b) => this.op("Add", [a, b]));
      return size.constant === 0 ? sum : this.op("Add", [sum, this.ints([size.constant])]);
    });
  }

  private symbol(symbol: string): Name {
    return this.once(`symbol ${symbol}`, () => {
      const place = this.symbols.get(symbol);
      if (place === undefined)
        throw new ExportProblem(`the symbol ${symbol} is no size of an input; expected one that is`);
      const { input, dim, size } = place;
      const found = this.op("Shape", [input], { start: dim, end: dim + 1 });
      const factor = size.factors[symbol]!;
      const rest = size.constant === 0 ? found : this.op("Sub", [found, this.ints([size.constant])]);
      return factor === 1 ? rest : this.op("Div", [rest, this.ints([factor])]);
    });
  }

  /** Marks an int32 value as cast from an int64 one. */
  narrow(wide: Name): Name {
    const name = this.op("Cast", [wide], { to: codeOf("int32") });
    this.wide.set(name, wide);
    return name;
  }

  /** An int32 value as int64, for operators that take nothing else. */
  int64(name: Name): Name {
    const known = this.wide.get(name);
    if (known !== undefined) return known;
    const tensor = this.constants.get(name);
    if (tensor !== undefined) {
      return this.once(`int64 ${name}`, () => {
        const own = this.fresh(`${name}.int64`);
        this.literals.set(own, encodeTensor({ tensor, elem: "int64" }, own));
        return own;
      });
    }
    const made = this.op("Cast", [name], { to: codeOf("int64") });
    this.wide.set(name, made);
    return made;
  }

  /** The int64 value that an int32 one was cast from; null if it was not. */
  wideOf(name: Name): Name | null {
    return this.wide.get(name) ?? null;
  }

  /** An int32 value as int64 if it was that, for operators that take both. */
  index(name: Name): Name {
    return this.wideOf(name) ?? name;
  }

  /** The nodes that the outputs need, in order, and the constants that those read, each taken outside before the next is encoded. */
  finish(outputs: readonly Name[], outside: Outside): Pick<GraphProto, "node" | "initializer"> {
    const used = new Set(outputs);
    const kept: NodeProto[] = [];
    for (const { opType, inputs, outputs: made, attributes } of [...this.drafts].reverse()) {
      if (!made.some((name) => used.has(name))) continue;
      const node = nodeOfType(opType, inputs, made, attributes);
      for (const name of readsOf(node)) used.add(name);
      kept.push(node);
    }
    const initializer: TensorProto[] = [];
    for (const [name, tensor] of this.constants) {
      if (used.has(name)) initializer.push(placed(encodeTensor({ tensor, elem: tensor.dtype }, name), outside));
    }
    for (const [name, proto] of this.literals) if (used.has(name)) initializer.push(placed(proto, outside));
    return { node: kept.reverse(), initializer };
  }
}

/** What a node reads, the nodes within it included. */
function readsOf({ input, attribute }: NodeProto): readonly Name[] {
  return [...input, ...attribute.flatMap(({ g }) => g?.node.flatMap(readsOf) ?? [])];
}
