import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { normalize, weightNorm as normalizeWeight } from "../functional/norm.js";
import { div, mul } from "../ops/arithmetic.js";
import { clone, copyInto, permute, reshape } from "../ops/copy.js";
import { matmul } from "../ops/matmul.js";
import { normExceptDim } from "../ops/norm_weight.js";
import { apply } from "../ops/op.js";
import { sumOp } from "../ops/reduce.js";
import { randn } from "../sampling.js";
import { noGrad, scope } from "../scoping.js";
import { normalizeDim } from "../shape.js";
import { Tensor } from "../tensor.js";
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./conv_transpose.js";
import { checkModule, type HookHandle, type Module } from "./module.js";
import { Buffer, Parameter } from "./parameter.js";

// A parametrisation computes a module's parameter from others: the property becomes a getter, the parts take its place in the state
// dict. While `forward` runs, the getter gives one tensor, computed when it began; at other times it computes anew.

interface Installed {
  readonly parts: readonly string[];
  readonly compute: (training: boolean) => Tensor;
  readonly handle: HookHandle;
}

const installed = new WeakMap<Module, Map<string, Installed>>();

/** The parameter to be replaced. Errors: ArgumentError for another kind of property, or one that is parametrised already. */
function parameterOf(op: string, module: Module, name: string): Parameter {
  checkModule(op, "module", module);
  if (installed.get(module)?.has(name)) {
    throw new ArgumentError(
      op,
      `"${name}" of ${module.constructor.name} is parametrised already; expected a plain parameter`,
    );
  }
  const value: unknown = Reflect.get(module, name);
  if (!(value instanceof Parameter)) {
    throw new ArgumentError(op, `"${name}" of ${module.constructor.name} is no Parameter; expected the name of one`);
  }
  return value;
}

/** Replaces a parameter; `compute` gets true in a forward pass of a module that trains. */
function install(
  module: Module,
  name: string,
  parts: Readonly<Record<string, Tensor>>,
  compute: (training: boolean) => Tensor,
): void {
  let current: Tensor | null = null;
  const handle = module.wrapForward((inner, args) => {
    const enclosing = current;
    const value = compute(module.training);
    current = value;
    try {
      return inner(...args);
    } finally {
      current = enclosing;
      // The tape has its own hold on what it needs; without a scope nobody else would free this.
      value.dispose();
    }
  });
  Object.defineProperty(module, name, {
    get: () => current ?? compute(false),
    configurable: true,
    enumerable: false,
  });
  for (const [key, part] of Object.entries(parts)) Reflect.set(module, key, part);
  const all = installed.get(module) ?? new Map<string, Installed>();
  all.set(name, { parts: Object.keys(parts), compute, handle });
  installed.set(module, all);
}

/** Puts a plain parameter with the present value back. */
function uninstall(op: string, module: Module, name: string): void {
  const found = installed.get(module)?.get(name);
  if (found === undefined) {
    throw new ArgumentError(
      op,
      `"${name}" of ${module.constructor.name} is not parametrised; expected the name of a parameter that is`,
    );
  }
  const value = noGrad(() => clone(found.compute(false)));
  found.handle.remove();
  installed.get(module)!.delete(name);
  for (const part of found.parts) {
    const tensor: unknown = Reflect.get(module, part);
    if (tensor instanceof Tensor) tensor.dispose();
    Reflect.deleteProperty(module, part);
  }
  Object.defineProperty(module, name, {
    value: new Parameter(value),
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

export interface WeightNormOptions {
  /** Property of the parameter. Default "weight". */
  readonly name?: string;
  /** The dimension whose slices have lengths of their own; null for one length in all. Default 0. */
  readonly dim?: number | null;
}

/**
 * Replaces a parameter w by g · v / ‖v‖, with g = ‖w‖ and v = w as the new parameters (state keys `weight_g`, `weight_v`), so that
 * length and direction are trained apart; see `functional.weightNorm`. Returns the module.
 * Errors: ArgumentError if there is no such parameter. Source: Salimans, Kingma (2016).
 */
export function weightNorm<M extends Module>(module: M, options: WeightNormOptions = {}): M {
  const op = "weightNorm";
  checkOptions(op, options, ["name", "dim"]);
  const { name = "weight", dim = 0 } = options;
  const weight = parameterOf(op, module, name);
  const length = noGrad(() => normExceptDim(weight, dim, op));
  Reflect.deleteProperty(module, name);
  const g = new Parameter(length, { requiresGrad: weight.requiresGrad });
  const v = new Parameter(weight, { requiresGrad: weight.requiresGrad });
  install(module, name, { [`${name}G`]: g, [`${name}V`]: v }, () => normalizeWeight(v, g, { dim }));
  return module;
}

/** Undoes `weightNorm`: the parameter is there again, with its present value. Returns the module. */
export function removeWeightNorm<M extends Module>(module: M, name = "weight"): M {
  uninstall("removeWeightNorm", module, name);
  return module;
}

/** Layers whose weight has the outputs in dimension 1. */
const TRANSPOSED = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d];

export interface SpectralNormOptions {
  /** Property of the parameter. Default "weight". */
  readonly name?: string;
  /** Steps of the power iteration in each forward pass in training. Default 1. */
  readonly nPowerIterations?: number;
  /** Keeps the norms in the power iteration from 0. Default 1e-12. */
  readonly eps?: number;
  /** The dimension of the outputs. Default 1 for transposed convolutions, 0 for everything else. */
  readonly dim?: number | null;
}

/**
 * Replaces a parameter W by W / σ(W), σ being the largest singular value of W as a matrix [outputs, rest]. The singular vectors u
 * and v are approximated by power iteration, one step a forward pass in training: v = Wᵀu / ‖Wᵀu‖, u = Wv / ‖Wv‖, σ = uᵀWv.
 * State keys `weight_orig`, `weight_u`, `weight_v`. Returns the module.
 * Errors: ArgumentError if there is no such parameter. Source: Miyato, Kataoka, Koyama, Yoshida (2018).
 */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  const op = "spectralNorm";
  checkOptions(op, options, ["name", "nPowerIterations", "eps", "dim"]);
  const { name = "weight" } = options;
  const weight = parameterOf(op, module, name);
  const steps = checkInteger(op, "nPowerIterations", options.nPowerIterations ?? 1, 1);
  const eps = checkNumber(op, "eps", options.eps ?? 1e-12, 0);
  const fallback = TRANSPOSED.some((layer) => module instanceof layer) ? 1 : 0;
  const dim = normalizeDim(op, options.dim ?? fallback, weight.ndim);
  const matrix = (w: Tensor): Tensor => {
    const order = [dim, ...w.shape.keys()].filter((d, i) => i === 0 || d !== dim);
    return reshape(permute(w, order), [w.shape[dim]!, -1]);
  };
  const unit = (x: Tensor): Tensor => normalize(x, { dim: 0, eps });
  const height = weight.shape[dim]!;
  const u = new Buffer(noGrad(() => unit(randn([height]))));
  const v = new Buffer(noGrad(() => unit(randn([weight.numel / height]))));
  Reflect.deleteProperty(module, name);
  const original = new Parameter(weight, { requiresGrad: weight.requiresGrad });
  const iterate = (): void => {
    noGrad(() => {
      const w = matrix(original);
      for (let i = 0; i < steps; i++) {
        copyInto(v, unit(matmul(u, w)));
        copyInto(u, unit(matmul(w, v)));
      }
    });
  };
  install(module, name, { [`${name}Orig`]: original, [`${name}U`]: u, [`${name}V`]: v }, (training) => {
    if (training) iterate();
    // Copies: a second forward pass before the backward one moves u and v on.
    return scope(() => {
      const product = mul(clone(u), matmul(matrix(original), clone(v)));
      return div(original, apply(sumOp, [product], { dims: [0], keepdim: false })[0]);
    });
  });
  return module;
}

/** Undoes `spectralNorm`: the parameter is there again, divided by its norm. Returns the module. */
export function removeSpectralNorm<M extends Module>(module: M, name = "weight"): M {
  uninstall("removeSpectralNorm", module, name);
  return module;
}
