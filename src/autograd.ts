import { K } from "./backend/index.js";
import { AutogradError, ShapeError } from "./errors.js";
import { materialize } from "./layout.js";
import { Scope } from "./runtime/scope.js";
import { formatShape, numel, sameShape } from "./shape.js";
import { type Edge, edgeOf, TapeNode, withGradMode } from "./tape.js";
import { adopt, adoptUnscoped, type GradSlot, Tensor } from "./tensor.js";
import type { Spec } from "./types.js";

export interface BackwardOptions {
  /** Keep the saved values, so that the same graph can be walked again. Default false. */
  readonly retainGraph?: boolean;
}

/**
 * Adds ∂root/∂leaf to `grad` of every leaf that requires a gradient.
 * `gradient` is ∂L/∂root, of root's shape; it may be left out for a root with one element, where it is 1.
 * Errors: AutogradError if root requires no gradient, if it has several elements and no gradient is given, or if the graph was
 * freed by an earlier call; ShapeError if the gradient's shape is another.
 */
export function backward(root: Tensor, gradient?: Tensor | null, options: BackwardOptions = {}): void {
  run([root], [gradient ?? null], options.retainGraph ?? false, null);
}

export interface GradOptions extends BackwardOptions {
  /** ∂L/∂output for each output; null stands for 1 where the output has one element. */
  readonly gradOutputs?: readonly (Tensor | null)[];
  /** Give null for an input that the outputs do not depend on, instead of an error. Default false. */
  readonly allowUnused?: boolean;
}

/**
 * Returns Σ ∂outputs/∂input for each input and leaves every `grad` as it is.
 * Errors: as `backward`; AutogradError for an input that is not in the graph, unless `allowUnused`.
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  // Each input gets a slot of its own for this call; leaves and intermediates are told apart by their edge.
  const wanted = inputs.map((t) => {
    const edge = edgeOf(t);
    if (edge === null) throw new AutogradError("grad", `input ${formatShape(t.shape)} does not require a gradient`);
    return { edge, slot: { grad: null } as GradSlot };
  });
  run(
    outputs,
    outputs.map((_, i) => options.gradOutputs?.[i] ?? null),
    options.retainGraph ?? false,
    wanted,
  );
  const missing = wanted.findIndex((w) => w.slot.grad === null);
  if (missing >= 0 && !options.allowUnused) {
    for (const w of wanted) w.slot.grad?.dispose();
    throw new AutogradError(
      "grad",
      `input ${missing} is not used by the outputs; pass allowUnused: true to get null for it`,
    );
  }
  return wanted.map((w) => w.slot.grad);
}

type Wanted = readonly { edge: NonNullable<Edge>; slot: GradSlot }[];

function run(
  roots: readonly Tensor[],
  gradients: readonly (Tensor | null)[],
  retainGraph: boolean,
  wanted: Wanted | null,
): void {
  const nodes: TapeNode[] = [];
  try {
    roots.forEach((root, i) => {
      root.assertAlive("backward");
      const seed = seedOf(root, gradients[i] ?? null);
      const edge = edgeOf(root)!;
      if ("node" in edge) collect(edge.node, nodes);
      deposit(edge, seed, wanted);
    });
    nodes.sort((a, b) => b.id - a.id);
    withGradMode(false, () => {
      for (const node of nodes) step(node, retainGraph, wanted);
    });
  } finally {
    for (const node of nodes) {
      for (const p of node.pending ?? []) p?.tensor.dispose();
      node.pending = null;
    }
  }
}

/** ∂L/∂root as a tensor of its own. */
function seedOf(root: Tensor, gradient: Tensor | null): Tensor {
  if (!root.requiresGrad) {
    throw new AutogradError(
      "backward",
      `the tensor ${formatShape(root.shape)} made by ${root.origin} does not require a gradient; nothing was recorded for it`,
    );
  }
  if (gradient === null) {
    if (root.numel !== 1) {
      throw new AutogradError(
        "backward",
        `the tensor ${formatShape(root.shape)} has ${root.numel} elements; expected one, or a gradient of the same shape`,
      );
    }
    const seed = Tensor.allocate(root.shape, "float32", "backward");
    K.fill_32(seed.ptr, ONE_BITS, 1);
    return seed;
  }
  if (!sameShape(gradient.shape, root.shape) || gradient.dtype !== "float32") {
    throw new ShapeError(
      "backward",
      `gradient is ${gradient.dtype} ${formatShape(gradient.shape)}; expected float32 ${formatShape(root.shape)}`,
    );
  }
  return gradient.alias();
}

/** Bit pattern of 1.0 in float32. */
const ONE_BITS = 0x3f800000;

/** Adds to `found` every node reachable from `root` that is not in it yet, and prepares it for this pass. */
function collect(root: TapeNode, found: TapeNode[]): void {
  if (root.pending !== null) return;
  const stack = [root];
  root.pending = root.outSpecs.map(() => null);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    found.push(node);
    for (const edge of node.edges) {
      if (edge === null || !("node" in edge) || edge.node.pending !== null) continue;
      edge.node.pending = edge.node.outSpecs.map(() => null);
      stack.push(edge.node);
    }
  }
}

/** Runs one node: takes the gradients of its outputs, deposits those of its inputs, and lets both its grads and saved values go. */
function step(node: TapeNode, retainGraph: boolean, wanted: Wanted | null): void {
  const pending = node.pending!;
  if (pending.every((p) => p === null)) {
    if (!retainGraph) node.releaseSaved();
    return;
  }
  pending.forEach((p, i) => {
    if (p === null) return;
    const slot = node.retained[i];
    if (slot && wanted === null) accumulate(slot, p.tensor.alias(), adoptUnscoped);
    for (const w of wanted ?? []) {
      if ("node" in w.edge && w.edge.node === node && w.edge.index === i) accumulate(w.slot, p.tensor.alias(), adopt);
    }
  });
  const results: (Tensor | null)[] = [];
  const scope = new Scope();
  try {
    const thunks = node.thunks(pending.map((p) => p?.tensor ?? null));
    node.edges.forEach((edge, i) => {
      const thunk = thunks[i];
      if (edge === null || !thunk) {
        results.push(null);
        return;
      }
      const g = thunk();
      const want = specOf(edge);
      if (!sameShape(g.shape, want.shape) || g.dtype !== want.dtype) {
        throw new AutogradError(
          "backward",
          `${node.name} gave input ${i} a gradient ${g.dtype} ${formatShape(g.shape)}; expected ${want.dtype} ${formatShape(want.shape)}`,
        );
      }
      results.push(g.alias());
    });
  } catch (error) {
    for (const g of results) g?.dispose();
    throw error;
  } finally {
    scope.close();
  }
  // Let go before depositing: a gradient that nobody else holds can then be taken over instead of copied.
  for (const p of pending) p?.tensor.dispose();
  node.pending = null;
  if (!retainGraph) node.releaseSaved();
  node.edges.forEach((edge, i) => {
    const g = results[i];
    if (edge !== null && g) deposit(edge, g, wanted);
  });
}

function specOf(edge: NonNullable<Edge>): Spec {
  return "node" in edge ? edge.node.outSpecs[edge.index]! : edge.spec;
}

/** Hands a gradient to its edge; takes over the handle. */
function deposit(edge: NonNullable<Edge>, g: Tensor, wanted: Wanted | null): void {
  if ("slot" in edge) {
    if (wanted === null) accumulate(edge.slot, g, adoptUnscoped);
    else {
      for (const w of wanted) if ("slot" in w.edge && w.edge.slot === edge.slot) accumulate(w.slot, g.alias(), adopt);
      g.dispose();
    }
    return;
  }
  const pending = edge.node.pending!;
  const have = pending[edge.index] ?? null;
  if (have === null) {
    pending[edge.index] = { tensor: g, own: false };
    return;
  }
  if (have.own) {
    addInPlace(have.tensor, g);
  } else {
    const sum = materialize(have.tensor);
    have.tensor.dispose();
    addInPlace(sum, g);
    pending[edge.index] = { tensor: sum, own: true };
  }
  g.dispose();
}

/** slot.grad += g; takes over the handle, and its storage if nobody else looks at it. */
function accumulate(slot: GradSlot, g: Tensor, adoptAs: (t: Tensor) => Tensor): void {
  if (slot.grad !== null) {
    addInPlace(slot.grad, g);
    g.dispose();
    return;
  }
  const own = g.storage.exclusive && g.isContiguous && g.offset === 0 && g.storage.bytes === numel(g.shape) * 4;
  const kept = own ? g : materialize(g);
  if (!own) g.dispose();
  slot.grad = adoptAs(kept);
}

/** y += x, both of the same shape, y contiguous. */
function addInPlace(y: Tensor, x: Tensor): void {
  const flat = x.isContiguous ? x : materialize(x);
  K.add_f32(y.ptr, y.ptr, flat.ptr, 1, 1, 1, y.numel, 0, 0, 0, 1, 0, 0, 0, 1);
  y.storage.written();
  if (flat !== x) flat.dispose();
}

/** Makes `backward` keep the gradient of a tensor that an op made, in its `grad`. */
export function retainGrad(t: Tensor): void {
  if (t.gradFn instanceof TapeNode) {
    t.gradSlot ??= { grad: null };
    t.gradFn.retained[t.gradIndex] = t.gradSlot;
  } else if (t.gradSlot === null) {
    throw new AutogradError("retainGrad", `the tensor ${formatShape(t.shape)} does not require a gradient`);
  }
}

/** The same values, unknown to the tape: gradients stop here. Shares storage. */
export function detached(t: Tensor): Tensor {
  return t.alias(t, "detach");
}
