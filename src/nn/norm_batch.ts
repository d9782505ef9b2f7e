import { checkInteger, checkNumber, checkOptions, checkRank } from "../check.js";
import { ones, tensor, zeros } from "../creation.js";
import { ShapeError } from "../errors.js";
import { fill, reshape } from "../ops/copy.js";
import type { FusedActivation } from "../ops/matmul.js";
import { batchNorm, batchNormEval, type RunningStats } from "../ops/norm_batch.js";
import { instanceNorm } from "../ops/norm_group.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { declareFusing, type Epilogue, finish, NO_EPILOGUE } from "./epilogue.js";
import { Module } from "./module.js";
import { Buffer, Parameter } from "./parameter.js";

interface NormSettings {
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
}

/** What batch and instance normalisation have in common: parameters and running statistics per channel. */
abstract class ChannelNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  weight: Parameter | null = null;
  bias: Parameter | null = null;
  runningMean: Buffer | null = null;
  runningVar: Buffer | null = null;
  numBatchesTracked: Buffer | null = null;

  /** Ranks that `forward` takes. */
  protected abstract readonly ranks: readonly number[];

  constructor(name: string, numFeatures: number, options: object, settings: NormSettings) {
    super();
    checkOptions(name, options, ["eps", "momentum", "affine", "trackRunningStats"]);
    this.numFeatures = checkInteger(name, "numFeatures", numFeatures, 1);
    this.eps = checkNumber(name, "eps", settings.eps, 0);
    if (settings.momentum !== null) checkNumber(name, "momentum", settings.momentum);
    if (settings.affine) {
      this.weight = new Parameter(ones([numFeatures]));
      this.bias = new Parameter(zeros([numFeatures]));
    }
    if (settings.trackRunningStats) {
      this.runningMean = new Buffer(zeros([numFeatures]));
      this.runningVar = new Buffer(ones([numFeatures]));
      this.numBatchesTracked = new Buffer(tensor(0, { dtype: "int32" }));
    }
  }

  /** Sets the running statistics to mean 0, variance 1, no batch. */
  resetRunningStats(): void {
    this.runningMean?.fill_(0);
    this.runningVar?.fill_(1);
    this.numBatchesTracked?.fill_(0);
  }

  protected get running(): RunningStats | null {
    const { runningMean: mean, runningVar: variance } = this;
    return mean === null || variance === null ? null : { mean, variance };
  }

  protected checkInput(x: Tensor, channelDim: number): void {
    const name = this.constructor.name;
    checkRank(name, "input", x.shape, ...this.ranks);
    const channels = x.shape[channelDim];
    if (channels !== this.numFeatures) {
      throw new ShapeError(
        name,
        `input has ${channels} channels; expected ${this.numFeatures} (input ${formatShape(x.shape)})`,
      );
    }
  }
}

export interface BatchNormModuleOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Weight of a batch in the running statistics; null averages all batches alike. Default 0.1. */
  readonly momentum?: number | null;
  /** Learn weight and bias. Default true. */
  readonly affine?: boolean;
  /** Keep running statistics for evaluation; without them the batch's are used there too. Default true. */
  readonly trackRunningStats?: boolean;
}

abstract class BatchNormBase extends ChannelNorm {
  readonly momentum: number | null;

  constructor(numFeatures: number, options: BatchNormModuleOptions = {}) {
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    super(new.target.name, numFeatures, options, { eps, momentum, affine, trackRunningStats });
    this.momentum = momentum;
  }

  /** An epilogue of a relu alone is applied in the same pass. */
  forward(x: Tensor, epilogue: Epilogue = NO_EPILOGUE): Tensor {
    if (epilogue.activation === "relu" && !epilogue.residual) return this.normalise(x, "relu");
    return finish(this.normalise(x, "none"), epilogue);
  }

  private normalise(x: Tensor, activation: FusedActivation): Tensor {
    this.checkInput(x, 1);
    const { weight, bias, eps, running } = this;
    const attrs = { op: this.constructor.name, eps, activation };
    if (running !== null && !this.training) return batchNormEval(x, weight, bias, running, attrs);
    const count = this.numBatchesTracked;
    if (!this.training || count === null) return batchNorm(x, weight, bias, null, 0, attrs);
    const batches = count.item() + 1;
    const y = batchNorm(x, weight, bias, running, this.momentum ?? 1 / batches, attrs);
    fill(count, batches);
    count.storage.written();
    return y;
  }
}
declareFusing(BatchNormBase);

/**
 * Normalises each channel over the batch; see `functional.batchNorm`.
 * Shape: [N, C] or [N, C, L]. State: weight, bias [C] (ones, zeros), running_mean, running_var [C], num_batches_tracked.
 */
export class BatchNorm1d extends BatchNormBase {
  protected readonly ranks = [2, 3];
}

/** As `BatchNorm1d`, for [N, C, H, W]. */
export class BatchNorm2d extends BatchNormBase {
  protected readonly ranks = [4];
}

/** As `BatchNorm1d`, for [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNormBase {
  protected readonly ranks = [5];
}

export interface InstanceNormModuleOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Weight of a batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
  /** Learn weight and bias. Default false. */
  readonly affine?: boolean;
  /** Keep running statistics and use them in evaluation. Default false. */
  readonly trackRunningStats?: boolean;
}

abstract class InstanceNormBase extends ChannelNorm {
  readonly momentum: number;

  constructor(numFeatures: number, options: InstanceNormModuleOptions = {}) {
    const { eps = 1e-5, momentum = 0.1, affine = false, trackRunningStats = false } = options;
    super(new.target.name, numFeatures, options, { eps, momentum, affine, trackRunningStats });
    this.momentum = momentum;
  }

  forward(x: Tensor): Tensor {
    const batched = x.ndim === this.ranks[1];
    this.checkInput(x, batched ? 1 : 0);
    const input = batched ? x : reshape(x, [1, ...x.shape]);
    const { weight, bias, eps, running } = this;
    const attrs = { op: this.constructor.name, eps };
    const y =
      running !== null && !this.training
        ? batchNormEval(input, weight, bias, running, { ...attrs, activation: "none" })
        : instanceNorm(input, weight, bias, running, this.momentum, attrs);
    if (batched) return y;
    const unbatched = reshape(y, x.shape);
    input.dispose();
    y.dispose();
    return unbatched;
  }
}

/**
 * Normalises each channel of each sample over space; see `functional.instanceNorm`.
 * Shape: [N, C, L] or [C, L]. State: as `BatchNorm1d`, where asked for; num_batches_tracked stays 0, as in PyTorch.
 */
export class InstanceNorm1d extends InstanceNormBase {
  protected readonly ranks = [2, 3];
}

/** As `InstanceNorm1d`, for [N, C, H, W] or [C, H, W]. */
export class InstanceNorm2d extends InstanceNormBase {
  protected readonly ranks = [3, 4];
}

/** As `InstanceNorm1d`, for [N, C, D, H, W] or [C, D, H, W]. */
export class InstanceNorm3d extends InstanceNormBase {
  protected readonly ranks = [4, 5];
}
