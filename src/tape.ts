import { AutogradError } from "./errors.js";
import { formatShape } from "./shape.js";
import type { GradFn, GradSlot, Tensor } from "./tensor.js";
import type { Spec } from "./types.js";

// The tape: what is recorded while operations run. The backward pass over it is in autograd.ts.

/** Computes the gradient of one input; called only if that input needs one. It may use any op. */
export type Thunk = () => Tensor;

/** The gradient rule of a recorded op, its attributes already bound. */
export type BackwardRule = (
  grads: readonly (Tensor | null)[],
  inputs: readonly (Tensor | null)[],
  outs: readonly Tensor[],
) => readonly (Thunk | null)[];

let gradEnabled = true;
let nextId = 0;

/** True if operations are being recorded. */
export function isGradEnabled(): boolean {
  return gradEnabled;
}

/** Runs `fn` with recording switched to `on`, and back afterwards even if it throws. */
export function withGradMode<R>(on: boolean, fn: () => R): R {
  const saved = gradEnabled;
  gradEnabled = on;
  try {
    return fn();
  } finally {
    gradEnabled = saved;
  }
}

/** Where the gradient of a recorded input goes: on to the op that made it, or into a leaf's slot. */
export type Edge =
  | { readonly node: TapeNode; readonly index: number }
  | { readonly slot: GradSlot; readonly spec: Spec }
  | null;

interface Saved {
  readonly tensor: Tensor;
  readonly version: number;
}

/** One recorded op. It is reference-counted: by the handles of its outputs, and by the nodes that read them. */
export class TapeNode implements GradFn {
  /** Grows with creation, so that descending order is a topological one. */
  readonly id = nextId++;
  readonly edges: readonly Edge[];
  readonly outSpecs: readonly Spec[];
  /** Slots of outputs on which `retainGrad()` was called. */
  readonly retained: (GradSlot | null)[];
  /** Gradients gathered for the outputs during a backward pass, and whether this pass made their storage itself. */
  pending: ({ tensor: Tensor; own: boolean } | null)[] | null = null;
  private inputs: (Saved | null)[] | null;
  private outs: Saved[] | null;
  private refs = 0;

  constructor(
    readonly name: string,
    private readonly rule: BackwardRule,
    inputs: readonly (Tensor | null)[],
    outs: readonly Tensor[],
    keeps: { inputs: readonly number[] | "all"; outs: readonly number[] },
  ) {
    this.outSpecs = outs.map(({ shape, dtype }) => ({ shape, dtype }));
    this.retained = outs.map(() => null);
    this.edges = inputs.map(edgeOf);
    for (const edge of this.edges) if (edge !== null && "node" in edge) edge.node.retain();
    const all = keeps.inputs === "all" ? null : keeps.inputs;
    this.inputs = inputs.map((t, i) =>
      t === null ? null : all === null || all.includes(i) ? save(t) : saveShape(t, `input ${i} of ${name}`),
    );
    this.outs = outs.map((t, i) => (keeps.outs.includes(i) ? save(t) : saveShape(t, `output ${i} of ${name}`)));
  }

  retain(): void {
    this.refs++;
  }

  release(): void {
    if (--this.refs > 0) return;
    // A chain as long as a training sequence must not recurse: nodes are let go from a work list.
    const dead: TapeNode[] = [this];
    for (let node = dead.pop(); node !== undefined; node = dead.pop()) {
      node.releaseSaved();
      for (const edge of node.edges) {
        if (edge !== null && "node" in edge && --edge.node.refs === 0) dead.push(edge.node);
      }
    }
  }

  /** Frees what was kept for the backward pass. */
  releaseSaved(): void {
    for (const saved of this.inputs ?? []) saved?.tensor.dispose();
    for (const saved of this.outs ?? []) saved.tensor.dispose();
    this.inputs = null;
    this.outs = null;
  }

  /** One lazy gradient per input. */
  thunks(grads: readonly (Tensor | null)[]): readonly (Thunk | null)[] {
    if (this.inputs === null || this.outs === null) {
      throw new AutogradError(
        "backward",
        `the values saved by ${this.name} were freed by an earlier backward; pass retainGraph: true to the first one`,
      );
    }
    return this.rule(
      grads,
      this.inputs.map((s) => s && this.unpack(s)),
      this.outs.map((s) => this.unpack(s)),
    );
  }

  private unpack(saved: Saved): Tensor {
    const { tensor, version } = saved;
    if (!tensor.disposed && tensor.storage.version !== version) {
      throw new AutogradError(
        "backward",
        `${tensor.origin} (${formatShape(tensor.shape)}) was written in place after ${this.name} saved it; ` +
          `it is at version ${tensor.storage.version}, expected ${version}`,
      );
    }
    return tensor;
  }
}

/** Where the gradient of `t` goes; null if it needs none. */
export function edgeOf(t: Tensor | null): Edge {
  if (t === null) return null;
  if (t.gradFn instanceof TapeNode) return { node: t.gradFn, index: t.gradIndex };
  return t.gradSlot === null ? null : { slot: t.gradSlot, spec: { shape: t.shape, dtype: t.dtype } };
}

/** A value for the backward pass. */
function save(t: Tensor): Saved {
  return { tensor: t.alias(), version: t.storage.version };
}

/** One that is not kept still tells its shape, and says what happened if it is read. */
function saveShape(t: Tensor, what: string): Saved {
  const tensor = t.alias(t, `${what}, which its \`saves\` does not list,`);
  tensor.dispose();
  return { tensor, version: t.storage.version };
}

/** Puts an op on the tape: its outputs then require a gradient. */
export function record(
  name: string,
  rule: BackwardRule,
  inputs: readonly (Tensor | null)[],
  outs: readonly Tensor[],
  keeps: { inputs: readonly number[] | "all"; outs: readonly number[] },
): void {
  const node = new TapeNode(name, rule, inputs, outs, keeps);
  outs.forEach((out, i) => {
    if (out.dtype !== "float32") return;
    node.retain();
    out.gradFn = node;
    out.gradIndex = i;
  });
}
