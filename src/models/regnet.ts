// The AnyNet design space, and the RegNets in it. N batch, H and W the image.
import { checkInteger, checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import { add } from "../functional/arithmetic.js";
import { flatten } from "../functional/copy.js";
import { relu } from "../functional/unary.js";
import { Conv2dNormActivation, SqueezeExcitation } from "../nn/blocks.js";
import { NamedSequential } from "../nn/container.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { AdaptiveAvgPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { heFanOut, initialise, normal001 } from "./initialise.js";
import { checkCounts, type ImageModelOptions, imageSettings, makeDivisible, positive } from "./options.js";

/** A point of the AnyNet design space: for each stage its blocks, their channels and the channels of a group. */
export interface AnyNetSpace {
  readonly depths: readonly number[];
  readonly widths: readonly number[];
  readonly groupWidths: readonly number[];
  /** Channels of the 3×3 convolutions for one of the blocks': 1/b of the paper. Default 1 everywhere. */
  readonly bottleneckMultipliers?: readonly number[];
  /** Of the first block of each stage. Default 2 everywhere. */
  readonly strides?: readonly number[];
  /** Channels of the squeezed gate for one of a block's input. Default null: no gate. */
  readonly seRatio?: number | null;
}

export interface AnyNetOptions extends ImageModelOptions {
  /** Channels of the stem. Default 32. */
  readonly stemWidth?: number;
  /** Blocks of the stages, in place of the model's own. */
  readonly depths?: readonly number[];
}

interface BlockSettings {
  readonly stride: number;
  readonly groupWidth: number;
  readonly bottleneckMultiplier: number;
  readonly seRatio: number | null;
}

/**
 * y = relu(F(x) + x), F being a 1×1, a grouped 3×3 and a 1×1 convolution with normalisation, the 3×3's result gated by channel in RegNetY
 * (Radosavovic et al., 2020, Figure 4). Keys: proj (where the shape changes), f.a, f.b, f.se, f.c.
 */
class RegNetBlock extends Module {
  readonly proj: Conv2dNormActivation | null;
  readonly f: NamedSequential;

  constructor(from: number, to: number, { stride, groupWidth, bottleneckMultiplier, seRatio }: BlockSettings) {
    super();
    const inner = Math.round(to * bottleneckMultiplier);
    const groups = Math.floor(inner / groupWidth);
    this.proj =
      stride === 1 && from === to
        ? null
        : new Conv2dNormActivation(from, to, { kernelSize: 1, stride, activation: null });
    this.f = new NamedSequential({
      a: new Conv2dNormActivation(from, inner, { kernelSize: 1 }),
      b: new Conv2dNormActivation(inner, inner, { stride, groups }),
    });
    if (seRatio !== null) {
      this.f.append(new SqueezeExcitation(inner, Math.max(1, Math.round(seRatio * from))), "se");
    }
    this.f.append(new Conv2dNormActivation(inner, to, { kernelSize: 1, activation: null }), "c");
  }

  forward(x: Tensor): Tensor {
    const past = this.proj === null ? x : this.proj.forward(x);
    return relu(add(past, this.f.forward(x)));
  }
}

/**
 * The general network of the AnyNet design space: a 3×3 convolution with stride 2, stages of residual bottlenecks with grouped convolutions, the
 * mean over space, a linear layer (Radosavovic et al., Designing Network Design Spaces, 2020, Figure 3). Widths are rounded to what groups
 * divide. `small`: the stem has stride 1. Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: stem, trunk_output.block1.block1-0 …,
 * fc. Errors: ArgumentError for lists of different lengths.
 */
export class AnyNet extends Module {
  readonly stem: Conv2dNormActivation;
  readonly trunkOutput: NamedSequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc: Linear;

  constructor(space: AnyNetSpace, options: AnyNetOptions = {}) {
    super();
    const name = new.target.name;
    const { numClasses, inChannels, widthMult, small } = imageSettings(name, options, ["stemWidth", "depths"]);
    const stages = space.depths.length;
    const depths = checkCounts(name, "depths", options.depths ?? space.depths, 1, stages);
    const { seRatio = null, bottleneckMultipliers = depths.map(() => 1) } = space;
    const strides = checkCounts(name, "strides", space.strides ?? depths.map(() => 2), 1, stages);
    if (seRatio !== null) positive(name, "seRatio", seRatio);
    if (bottleneckMultipliers.length !== stages) {
      throw new ArgumentError(name, `bottleneckMultipliers are ${bottleneckMultipliers.length}; expected ${stages}`);
    }
    const given = checkCounts(name, "widths", space.widths, 1, stages).map((w) =>
      widthMult === 1 ? w : makeDivisible(w * widthMult),
    );
    const groupWidths = checkCounts(name, "groupWidths", space.groupWidths, 1, stages);
    const fitted = given.map((width, i) =>
      compatible(width, positive(name, "bottleneckMultipliers", bottleneckMultipliers[i]), groupWidths[i]!),
    );
    const stemWidth = checkInteger(name, "stemWidth", options.stemWidth ?? 32, 1);
    let channels = widthMult === 1 ? stemWidth : makeDivisible(stemWidth * widthMult);
    this.stem = new Conv2dNormActivation(inChannels, channels, { stride: small ? 1 : 2 });
    this.trunkOutput = new NamedSequential();
    for (const [i, { width, groupWidth }] of fitted.entries()) {
      const stage = new NamedSequential();
      for (let j = 0; j < depths[i]!; j++) {
        const bottleneckMultiplier = bottleneckMultipliers[i]!;
        const stride = j === 0 ? strides[i]! : 1;
        const block = new RegNetBlock(channels, width, { stride, groupWidth, bottleneckMultiplier, seRatio });
        stage.append(block, `block${i + 1}-${j}`);
        channels = width;
      }
      this.trunkOutput.append(stage, `block${i + 1}`);
    }
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc = new Linear(channels, numClasses);
    initialise(this, { conv: heFanOut, linear: normal001, zeroBias: ["linear"] });
  }

  forward(x: Tensor): Tensor {
    const y = this.trunkOutput.forward(this.stem.forward(x));
    return this.fc.forward(flatten(this.avgpool.forward(y), { startDim: 1 }));
  }
}

/** Width and group width near those given, so that groups divide the 3×3 convolution's channels. */
function compatible(width: number, multiplier: number, group: number): { width: number; groupWidth: number } {
  const inner = Math.max(1, Math.floor(width * multiplier));
  const groupWidth = Math.min(group, inner);
  return { width: Math.max(1, Math.floor(makeDivisible(inner, groupWidth) / multiplier)), groupWidth };
}

/** The few numbers that a RegNet follows from: u_j = w0 + wA·j, rounded to w0·wM^k. */
export interface RegNetParameters {
  /** Blocks in all. */
  readonly depth: number;
  /** Initial width, a multiple of 8. */
  readonly w0: number;
  /** Slope of the widths. */
  readonly wA: number;
  /** Ratio of the widths of stages, above 1. */
  readonly wM: number;
  readonly groupWidth: number;
  /** Default null: RegNetX. */
  readonly seRatio?: number | null;
}

/** The point of the design space that the parameters stand for (Radosavovic et al., 2020, equations 2 to 4). */
export function regNetSpace(parameters: RegNetParameters): AnyNetSpace {
  const { depth, w0, wA, wM, groupWidth, seRatio = null } = parameters;
  checkInteger("regNetSpace", "depth", depth, 1);
  checkInteger("regNetSpace", "w0", w0, 8);
  checkNumber("regNetSpace", "wA", wA, 0);
  if (w0 % 8 !== 0) throw new ArgumentError("regNetSpace", `w0 is ${w0}; expected a multiple of 8`);
  if (!(wM > 1)) throw new ArgumentError("regNetSpace", `wM is ${wM}; expected a number above 1`);
  const widths: number[] = [];
  const depths: number[] = [];
  for (let j = 0; j < depth; j++) {
    const exponent = roundToEven(Math.log((w0 + wA * j) / w0) / Math.log(wM));
    const width = 8 * roundToEven((w0 * wM ** exponent) / 8);
    if (widths.at(-1) === width) depths[depths.length - 1]!++;
    else {
      widths.push(width);
      depths.push(1);
    }
  }
  return { depths, widths, groupWidths: widths.map(() => groupWidth), seRatio };
}

/** The nearest integer, of two the even one, as PyTorch rounds: 80 · 2.25 / 8 of RegNetX-1.6GF is such a case. */
function roundToEven(v: number): number {
  const rounded = Math.round(v);
  return rounded - v === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * RegNetX, and RegNetY with squeeze-and-excitation: AnyNets whose widths grow linearly (Radosavovic et al., Designing Network Design Spaces, 2020,
 * Tables 1 and 2, torchvision's sizes, named by multiply-adds at 224 px). Parameters:
 *
 *     400mf  X  5,495,976  Y  4,344,144       8gf  X  39,572,648  Y  39,381,472
 *     800mf  X  7,259,656  Y  6,432,512      16gf  X  54,278,536  Y  83,590,140
 *     1_6gf  X  9,190,136  Y 11,202,430      32gf  X 107,811,560  Y 145,046,770
 *     3_2gf  X 15,296,552  Y 19,436,338     128gf                 Y 644,812,894
 */
export class RegNet extends AnyNet {
  constructor(parameters: RegNetParameters, options: AnyNetOptions = {}) {
    super(regNetSpace(parameters), options);
  }
}

const make =
  (seRatio: number | null, depth: number, w0: number, wA: number, wM: number, groupWidth: number) =>
  (options: AnyNetOptions = {}): RegNet =>
    new RegNet({ depth, w0, wA, wM, groupWidth, seRatio }, options);

/** By name. */
export const regnets = {
  regnet_x_400mf: make(null, 22, 24, 24.48, 2.54, 16),
  regnet_x_800mf: make(null, 16, 56, 35.73, 2.28, 16),
  regnet_x_1_6gf: make(null, 18, 80, 34.01, 2.25, 24),
  regnet_x_3_2gf: make(null, 25, 88, 26.31, 2.25, 48),
  regnet_x_8gf: make(null, 23, 80, 49.56, 2.88, 120),
  regnet_x_16gf: make(null, 22, 216, 55.59, 2.1, 128),
  regnet_x_32gf: make(null, 23, 320, 69.86, 2, 168),
  regnet_y_400mf: make(0.25, 16, 48, 27.89, 2.09, 8),
  regnet_y_800mf: make(0.25, 14, 56, 38.84, 2.4, 16),
  regnet_y_1_6gf: make(0.25, 27, 48, 20.71, 2.65, 24),
  regnet_y_3_2gf: make(0.25, 21, 80, 42.63, 2.66, 24),
  regnet_y_8gf: make(0.25, 17, 192, 76.82, 2.19, 56),
  regnet_y_16gf: make(0.25, 18, 200, 106.23, 2.48, 112),
  regnet_y_32gf: make(0.25, 20, 232, 115.89, 2.53, 232),
  regnet_y_128gf: make(0.25, 27, 456, 160.83, 2.52, 264),
};
