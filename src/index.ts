// The public surface, nothing else.
import "./methods/index.js";

export { type BackwardOptions, backward, type GradOptions, grad } from "./autograd.js";
export { type Backend, getBackend, setBackend } from "./backend/index.js";
export {
  arange,
  type CreationOptions,
  eye,
  full,
  linspace,
  ones,
  onesLike,
  type TensorData,
  type TensorOptions,
  tensor,
  zeros,
  zerosLike,
} from "./creation.js";
export * as data from "./data/index.js";
export * from "./errors.js";
export * as functional from "./functional/index.js";
export * as linalg from "./functional/linalg.js";
export * as graph from "./graph/index.js";
export { compile, Session, trace } from "./graph/index.js";
export {
  type Binary,
  type InitOptions,
  init,
  type KernelSource,
  type KernelSources,
  type RuntimeInfo,
  runtime,
} from "./init.js";
export * as numpy from "./io/numpy.js";
export * as pytorch from "./io/pytorch.js";
export * as safetensors from "./io/safetensors.js";
export * as metrics from "./metrics/index.js";
export * as models from "./models/index.js";
export * as nn from "./nn/index.js";
export * as onnx from "./onnx/index.js";
export * as optim from "./optim/index.js";
export { Profile, type ProfileRow, profile } from "./profile.js";
export { defaultGenerator, Generator, type GeneratorState, manualSeed, type Seed } from "./random.js";
export { type MemoryStats, memory } from "./runtime/arena.js";
export type { Scope } from "./runtime/scope.js";
export {
  bernoulli,
  type GeneratorOption,
  type MultinomialOptions,
  multinomial,
  normal,
  rand,
  randint,
  randn,
  randperm,
  type SamplingOptions,
  uniform,
} from "./sampling.js";
export { enableGrad, noGrad, scope } from "./scoping.js";
export { isGradEnabled } from "./tape.js";
export { type NestedValues, Tensor } from "./tensor.js";
export * as train from "./train/index.js";
export { Summary, summary } from "./train/summary.js";
export * as tune from "./tune/index.js";
export type { DataArray, DType, NestedArray, Shape, Sizes } from "./types.js";
