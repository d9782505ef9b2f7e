import { QuadlaneError } from "../errors.js";
import type { HookHandle, Module } from "../nn/module.js";
import { copyInto } from "../ops/copy.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Generator, GeneratorState } from "../random.js";
import { forEachTensor, noGrad, scope } from "../scoping.js";
import type { Tensor } from "../tensor.js";

/** What is known about a loss or gradient that became NaN or infinite. */
export interface NonFiniteReport {
  /** Number of the optimizer step that was to be made, from 1 on. */
  readonly step: number;
  /** The loss of the batch. */
  readonly loss: number;
  /** Path of the first module whose output was not finite, "loss" for the loss function; null if it was a gradient. */
  readonly layer: string | null;
  /** Name of the first parameter whose gradient was not finite; null if it was the loss. */
  readonly parameter: string | null;
  /** Whether the batch was finite. */
  readonly inputsFinite: boolean;
  /** Whether all parameters and buffers were finite. */
  readonly weightsFinite: boolean;
  /** What may help. */
  readonly hint: string;
}

/** Training has met a NaN or an infinity and ended before weights were changed by it. */
export class NonFiniteError extends QuadlaneError implements NonFiniteReport {
  readonly step: number;
  readonly loss: number;
  readonly layer: string | null;
  readonly parameter: string | null;
  readonly inputsFinite: boolean;
  readonly weightsFinite: boolean;
  readonly hint: string;

  constructor(what: string, report: NonFiniteReport) {
    super("Trainer", `${what}. ${report.hint}`);
    this.step = report.step;
    this.loss = report.loss;
    this.layer = report.layer;
    this.parameter = report.parameter;
    this.inputsFinite = report.inputsFinite;
    this.weightsFinite = report.weightsFinite;
    this.hint = report.hint;
  }
}

/** Where generators stood. */
export type Draws = readonly (readonly [Generator, GeneratorState])[];

export interface Suspect {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly step: number;
  readonly loss: number;
  readonly batch: unknown;
}

/** The error for a batch whose loss is not finite. `rerun` repeats its forward pass; `draws` is where the generators stood before it. */
export function nonFiniteLoss(suspect: Suspect, rerun: () => void, draws: Draws): NonFiniteError {
  const { model, step, loss } = suspect;
  const found = firstNonFinite(model, rerun, draws);
  const inputsFinite = allFinite(suspect.batch);
  const weights = firstBad(model.stateDict());
  const layer = found === null ? "loss" : found.path;
  const where =
    found === null
      ? "every layer's output is finite, the loss function's is not"
      : `the first output that is not finite is that of "${found.path}" (${found.type})` +
        (found.inputsFinite ? "" : ", whose input already was not");
  const facts = `inputs are ${inputsFinite ? "finite" : "not finite"}, weights ${weights === null ? "are finite" : "are not finite"}`;
  return new NonFiniteError(`the loss is ${loss} in step ${step}: ${where}; ${facts}`, {
    step,
    loss,
    layer,
    parameter: null,
    inputsFinite,
    weightsFinite: weights === null,
    hint: hintFor(suspect, found, inputsFinite, weights),
  });
}

/** The error for gradients that are not finite; null if all elements are. */
export function nonFiniteGradient(suspect: Suspect): NonFiniteError | null {
  const { model, optimizer, step, loss } = suspect;
  const names = new Map<Tensor, string>([...model.namedParameters()].map(([name, p]) => [p, name]));
  const params = new Set<Tensor>([...model.parameters(), ...optimizer.paramGroups.flatMap((g) => g.params)]);
  for (const p of params) {
    if (p.grad === null || allFinite(p.grad)) continue;
    const parameter = names.get(p) ?? "a parameter outside the model";
    return new NonFiniteError(
      `the gradient of "${parameter}" is not finite in step ${step}, though the loss is ${loss}`,
      {
        step,
        loss,
        layer: null,
        parameter,
        inputsFinite: allFinite(suspect.batch),
        weightsFinite: firstBad(model.stateDict()) === null,
        hint: `Look for a root, a logarithm or a division at 0 on the way to it and add a small number there; ${milder(optimizer)}`,
      },
    );
  }
  return null;
}

function hintFor(suspect: Suspect, found: Found | null, inputsFinite: boolean, weights: string | null): string {
  const { optimizer } = suspect;
  if (!inputsFinite) return "The batch itself holds NaN or infinity: look at the data and how they are normalised";
  if (weights !== null) return `"${weights}" is not finite since an earlier step: ${milder(optimizer)}`;
  if (found === null) {
    return "Look for the logarithm of 0 or a division by 0 in the loss: take a loss of logits, or add a small number";
  }
  if (!found.inputsFinite)
    return "Look for a logarithm of 0, a division by 0 or an overflow between the layers before it";
  return `Its values overflow, or it takes a logarithm of 0 or divides by 0: ${milder(optimizer)}; normalise the inputs`;
}

function milder(optimizer: Optimizer): string {
  const rates = [...new Set(optimizer.paramGroups.map((g) => g.lr))].join(", ");
  return `lower the learning rate (it is ${rates}) or clip the gradients (clipNorm)`;
}

interface Found {
  readonly path: string;
  readonly type: string;
  /** Whether what the layer was given was finite. */
  readonly inputsFinite: boolean;
}

/** Repeats a forward pass from where the generators stood, and tells the first module to finish with an output that is not finite. */
function firstNonFinite(model: Module, rerun: () => void, draws: Draws): Found | null {
  let found: Found | null = null;
  const now: Draws = draws.map(([g]) => [g, g.getState()]);
  const buffers = [...model.buffers()].map((b): [Tensor, Tensor] => [b, noGrad(() => b.clone())]);
  const hooks: [Module, HookHandle, boolean][] = [];
  for (const [name, module] of model.namedModules()) {
    const hooked = Object.hasOwn(module, "forward");
    const type = module.constructor.name;
    const handle = module.registerForwardHook((_, args, result) => {
      found ??= allFinite(result) ? null : { path: name === "" ? type : name, type, inputsFinite: allFinite(args) };
    });
    hooks.push([module, handle, hooked]);
  }
  try {
    for (const [g, state] of draws) g.setState(state);
    scope(rerun);
  } finally {
    for (const [module, handle, hooked] of hooks) {
      handle.remove();
      // A module that had no hook before can be cloned and fused again.
      if (!hooked) Reflect.deleteProperty(module, "forward");
    }
    for (const [g, state] of now) g.setState(state);
    for (const [buffer, copy] of buffers) {
      copyInto(buffer, copy);
      copy.dispose();
    }
  }
  return found;
}

function firstBad(state: ReadonlyMap<string, Tensor>): string | null {
  for (const [name, t] of state) if (!allFinite(t)) return name;
  return null;
}

/** True if all tensors in a value are finite. */
function allFinite(value: unknown): boolean {
  let finite = true;
  forEachTensor(value, (t) => {
    finite &&= t.dtype !== "float32" || t.data().every(Number.isFinite);
  });
  return finite;
}
