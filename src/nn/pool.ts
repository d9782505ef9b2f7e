import { checkOptions, type NoOptions } from "../check.js";
import * as A from "../functional/avgpool.js";
import * as M from "../functional/maxpool.js";
import { checkNorm } from "../ops/avgpool.js";
import { checkOutputSize, checkWindows, type FixedWindows, type OutputSize, pooled } from "../ops/maxpool.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Sizes } from "../types.js";
import { Module } from "./module.js";

// Formulas, options and gradients are described in functional/maxpool and functional/avgpool.

export type MaxPoolModuleOptions<R extends boolean> = Omit<M.MaxPoolOptions<R>, "kernelSize">;
export type AvgPoolModuleOptions<O extends A.AvgPool1dOptions> = Omit<O, "kernelSize">;

const MAX_OPTIONS = ["stride", "padding", "dilation", "ceilMode", "returnIndices"];
const AVERAGE_OPTIONS = ["stride", "padding", "ceilMode", "countIncludePad"];

abstract class MaxPool<R extends boolean> extends Module {
  readonly options: M.MaxPoolOptions<R>;
  private readonly windows: FixedWindows;

  constructor(op: string, n: number, kernelSize: Sizes, options: MaxPoolModuleOptions<R>) {
    super();
    checkOptions(op, options, MAX_OPTIONS);
    this.options = { ...options, kernelSize };
    this.windows = checkWindows(op, n, this.options);
  }

  forward(x: Tensor): M.Pooled<R> {
    return pooled(x, this.windows, this.options.returnIndices);
  }

  get kernelSize(): Sizes {
    return this.options.kernelSize;
  }

  get stride(): Sizes {
    return this.options.stride ?? this.options.kernelSize;
  }

  get dilation(): Sizes {
    return this.options.dilation ?? 1;
  }
}

/** Maximum over windows of [N, C, L] or [C, L]; see `functional.maxPool1d`. With `returnIndices` it gives [output, indices]. */
export class MaxPool1d<R extends boolean = false> extends MaxPool<R> {
  constructor(kernelSize: Sizes, options: MaxPoolModuleOptions<R> = {}) {
    super("MaxPool1d", 1, kernelSize, options);
  }
}

/** Maximum over windows of [N, C, H, W] or [C, H, W]; see `functional.maxPool2d`. With `returnIndices` it gives [output, indices]. */
export class MaxPool2d<R extends boolean = false> extends MaxPool<R> {
  constructor(kernelSize: Sizes, options: MaxPoolModuleOptions<R> = {}) {
    super("MaxPool2d", 2, kernelSize, options);
  }
}

/** Maximum over windows of [N, C, D, H, W] or [C, D, H, W]; see `functional.maxPool3d`. With `returnIndices` it gives [output, indices]. */
export class MaxPool3d<R extends boolean = false> extends MaxPool<R> {
  constructor(kernelSize: Sizes, options: MaxPoolModuleOptions<R> = {}) {
    super("MaxPool3d", 3, kernelSize, options);
  }
}

abstract class AvgPool<O extends A.AvgPoolOptions> extends Module {
  readonly options: O;
  constructor(op: string, n: number, options: O, known: readonly string[]) {
    super();
    checkOptions(op, options, ["kernelSize", ...known]);
    this.options = options;
    checkWindows(op, n, options);
  }

  get kernelSize(): Sizes {
    return this.options.kernelSize;
  }

  get stride(): Sizes {
    return this.options.stride ?? this.options.kernelSize;
  }
}

/** Mean over windows of [N, C, L] or [C, L]; see `functional.avgPool1d`. */
export class AvgPool1d extends AvgPool<A.AvgPool1dOptions> {
  constructor(kernelSize: Sizes, options: AvgPoolModuleOptions<A.AvgPool1dOptions> = {}) {
    super("AvgPool1d", 1, { ...options, kernelSize }, AVERAGE_OPTIONS);
  }

  forward(x: Tensor): Tensor {
    return A.avgPool1d(x, this.options);
  }
}

/** Mean over windows of [N, C, H, W] or [C, H, W]; see `functional.avgPool2d`. */
export class AvgPool2d extends AvgPool<A.AvgPoolOptions> {
  constructor(kernelSize: Sizes, options: AvgPoolModuleOptions<A.AvgPoolOptions> = {}) {
    super("AvgPool2d", 2, { ...options, kernelSize }, [...AVERAGE_OPTIONS, "divisorOverride"]);
  }

  forward(x: Tensor): Tensor {
    return A.avgPool2d(x, this.options);
  }
}

/** Mean over windows of [N, C, D, H, W] or [C, D, H, W]; see `functional.avgPool3d`. */
export class AvgPool3d extends AvgPool<A.AvgPoolOptions> {
  constructor(kernelSize: Sizes, options: AvgPoolModuleOptions<A.AvgPoolOptions> = {}) {
    super("AvgPool3d", 3, { ...options, kernelSize }, [...AVERAGE_OPTIONS, "divisorOverride"]);
  }

  forward(x: Tensor): Tensor {
    return A.avgPool3d(x, this.options);
  }
}

/** Mean over windows that give an output of a wanted size, from [N, C, L] or [C, L]; see `functional.adaptiveAvgPool1d`. */
export class AdaptiveAvgPool1d extends Module {
  readonly outputSize: OutputSize;
  constructor(outputSize: OutputSize, ...none: NoOptions) {
    super(...none);
    checkOutputSize("AdaptiveAvgPool1d", 1, outputSize);
    this.outputSize = outputSize;
  }

  forward(x: Tensor): Tensor {
    return A.adaptiveAvgPool1d(x, { outputSize: this.outputSize });
  }
}

/** Mean over windows that give an output of a wanted size, from [N, C, H, W] or [C, H, W]; see `functional.adaptiveAvgPool2d`. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: OutputSize;
  constructor(outputSize: OutputSize, ...none: NoOptions) {
    super(...none);
    checkOutputSize("AdaptiveAvgPool2d", 2, outputSize);
    this.outputSize = outputSize;
  }

  forward(x: Tensor): Tensor {
    return A.adaptiveAvgPool2d(x, { outputSize: this.outputSize });
  }
}

/** Mean over windows that give an output of a wanted size, from [N, C, D, H, W] or [C, D, H, W]; see `functional.adaptiveAvgPool3d`. */
export class AdaptiveAvgPool3d extends Module {
  readonly outputSize: OutputSize;
  constructor(outputSize: OutputSize, ...none: NoOptions) {
    super(...none);
    checkOutputSize("AdaptiveAvgPool3d", 3, outputSize);
    this.outputSize = outputSize;
  }

  forward(x: Tensor): Tensor {
    return A.adaptiveAvgPool3d(x, { outputSize: this.outputSize });
  }
}

export type AdaptiveMaxPoolModuleOptions<R extends boolean> = Omit<M.AdaptiveMaxPoolOptions<R>, "outputSize">;

abstract class AdaptiveMaxPool<R extends boolean> extends Module {
  readonly options: M.AdaptiveMaxPoolOptions<R>;
  constructor(op: string, n: number, outputSize: OutputSize, options: AdaptiveMaxPoolModuleOptions<R>) {
    super();
    checkOptions(op, options, ["returnIndices"]);
    checkOutputSize(op, n, outputSize);
    this.options = { ...options, outputSize };
  }
}

/** Maximum over windows that give an output of a wanted size, from [N, C, L] or [C, L]; see `functional.adaptiveMaxPool1d`. */
export class AdaptiveMaxPool1d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  constructor(outputSize: OutputSize, options: AdaptiveMaxPoolModuleOptions<R> = {}) {
    super("AdaptiveMaxPool1d", 1, outputSize, options);
  }

  forward(x: Tensor): M.Pooled<R> {
    return M.adaptiveMaxPool1d(x, this.options);
  }
}

/** Maximum over windows that give an output of a wanted size, from [N, C, H, W] or [C, H, W]; see `functional.adaptiveMaxPool2d`. */
export class AdaptiveMaxPool2d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  constructor(outputSize: OutputSize, options: AdaptiveMaxPoolModuleOptions<R> = {}) {
    super("AdaptiveMaxPool2d", 2, outputSize, options);
  }

  forward(x: Tensor): M.Pooled<R> {
    return M.adaptiveMaxPool2d(x, this.options);
  }
}

/** Maximum over windows that give an output of a wanted size, from [N, C, D, H, W] or [C, D, H, W]; see `functional.adaptiveMaxPool3d`. */
export class AdaptiveMaxPool3d<R extends boolean = false> extends AdaptiveMaxPool<R> {
  constructor(outputSize: OutputSize, options: AdaptiveMaxPoolModuleOptions<R> = {}) {
    super("AdaptiveMaxPool3d", 3, outputSize, options);
  }

  forward(x: Tensor): M.Pooled<R> {
    return M.adaptiveMaxPool3d(x, this.options);
  }
}

export type LPPoolModuleOptions = Omit<A.LPPoolOptions, "normType" | "kernelSize">;

abstract class LPPool extends Module {
  readonly options: A.LPPoolOptions;
  constructor(op: string, n: number, normType: number, kernelSize: Sizes, options: LPPoolModuleOptions) {
    super();
    checkOptions(op, options, ["stride", "ceilMode"]);
    this.options = { ...options, normType, kernelSize };
    checkNorm(op, normType);
    checkWindows(op, n, this.options);
  }

  get kernelSize(): Sizes {
    return this.options.kernelSize;
  }

  get stride(): Sizes {
    return this.options.stride ?? this.options.kernelSize;
  }
}

/** y = (Σ xᵖ)^(1/p) over windows of [N, C, L] or [C, L]; see `functional.lpPool1d`. */
export class LPPool1d extends LPPool {
  constructor(normType: number, kernelSize: Sizes, options: LPPoolModuleOptions = {}) {
    super("LPPool1d", 1, normType, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return A.lpPool1d(x, this.options);
  }
}

/** y = (Σ xᵖ)^(1/p) over windows of [N, C, H, W] or [C, H, W]; see `functional.lpPool2d`. */
export class LPPool2d extends LPPool {
  constructor(normType: number, kernelSize: Sizes, options: LPPoolModuleOptions = {}) {
    super("LPPool2d", 2, normType, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return A.lpPool2d(x, this.options);
  }
}

/** y = (Σ xᵖ)^(1/p) over windows of [N, C, D, H, W] or [C, D, H, W]; see `functional.lpPool3d`. PyTorch: from 2.2 on. */
export class LPPool3d extends LPPool {
  constructor(normType: number, kernelSize: Sizes, options: LPPoolModuleOptions = {}) {
    super("LPPool3d", 3, normType, kernelSize, options);
  }

  forward(x: Tensor): Tensor {
    return A.lpPool3d(x, this.options);
  }
}

export type MaxUnpoolModuleOptions = Omit<M.MaxUnpoolOptions, "kernelSize" | "outputSize">;

abstract class MaxUnpool extends Module {
  readonly options: M.MaxUnpoolOptions;
  constructor(op: string, n: number, kernelSize: Sizes, options: MaxUnpoolModuleOptions) {
    super();
    checkOptions(op, options, ["stride", "padding"]);
    this.options = { ...options, kernelSize };
    checkWindows(op, n, this.options);
  }
}

/** Puts values back where `MaxPool1d` has found them, zeros elsewhere; see `functional.maxUnpool1d`. */
export class MaxUnpool1d extends MaxUnpool {
  constructor(kernelSize: Sizes, options: MaxUnpoolModuleOptions = {}) {
    super("MaxUnpool1d", 1, kernelSize, options);
  }

  forward(x: Tensor, indices: Tensor, options: { outputSize?: Shape } = {}): Tensor {
    return M.maxUnpool1d(x, indices, { ...this.options, ...options });
  }
}

/** Puts values back where `MaxPool2d` has found them, zeros elsewhere; see `functional.maxUnpool2d`. */
export class MaxUnpool2d extends MaxUnpool {
  constructor(kernelSize: Sizes, options: MaxUnpoolModuleOptions = {}) {
    super("MaxUnpool2d", 2, kernelSize, options);
  }

  forward(x: Tensor, indices: Tensor, options: { outputSize?: Shape } = {}): Tensor {
    return M.maxUnpool2d(x, indices, { ...this.options, ...options });
  }
}

/** Puts values back where `MaxPool3d` has found them, zeros elsewhere; see `functional.maxUnpool3d`. */
export class MaxUnpool3d extends MaxUnpool {
  constructor(kernelSize: Sizes, options: MaxUnpoolModuleOptions = {}) {
    super("MaxUnpool3d", 3, kernelSize, options);
  }

  forward(x: Tensor, indices: Tensor, options: { outputSize?: Shape } = {}): Tensor {
    return M.maxUnpool3d(x, indices, { ...this.options, ...options });
  }
}
