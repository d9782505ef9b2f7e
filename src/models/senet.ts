import { checkInteger } from "../check.js";
import { add } from "../functional/arithmetic.js";
import { relu } from "../functional/unary.js";
import { SqueezeExcitation } from "../nn/blocks.js";
import { Bottleneck, type BottleneckOptions } from "../nn/blocks_residual.js";
import { convNorm } from "../nn/fuse.js";
import type { Tensor } from "../tensor.js";
import { ResNet, type ResNetOptions } from "./resnet.js";

/** Channels for one of the squeezed ones: the paper's r. */
const REDUCTION = 16;

/**
 * A bottleneck whose result is gated by channel before x is added: y = relu(se(F(x)) + x) (Hu et al., Squeeze-and-Excitation Networks, 2018,
 * Figure 3). Shapes and options are Bottleneck's. Keys: Bottleneck's, and se.fc1, se.fc2.
 */
export class SEBottleneck extends Bottleneck {
  readonly se: SqueezeExcitation;

  constructor(inChannels: number, channels: number, options: BottleneckOptions = {}) {
    super(inChannels, channels, options);
    const out = checkInteger("SEBottleneck", "channels", channels, 1) * Bottleneck.expansion;
    this.se = new SqueezeExcitation(out, Math.max(1, Math.floor(out / REDUCTION)));
  }

  override forward(x: Tensor): Tensor {
    const residual = this.downsample === null ? x : this.downsample.forward(x);
    const narrow = convNorm(this.conv1, this.bn1, x, { activation: "relu" });
    const inner = convNorm(this.conv2, this.bn2, narrow, { activation: "relu" });
    const y = this.se.forward(convNorm(this.conv3, this.bn3, inner, {}));
    return relu(add(y, residual));
  }
}

/**
 * A ResNet of SEBottlenecks (Hu et al., Squeeze-and-Excitation Networks, 2018, Table 1): se_resnet50 has 28,088,024 parameters and 4.1 G
 * multiply-adds at 224 px, se_resnet101 49,326,872 and 7.8 G, se_resnet152 66,821,848 and 11.5 G.
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: ResNet's, with se.fc1 and se.fc2 in each block.
 */
export class SEResNet extends ResNet {
  constructor(layers: readonly number[], options: ResNetOptions = {}) {
    super(SEBottleneck, layers, options);
  }
}

const make =
  (layers: readonly number[]) =>
  (options: ResNetOptions = {}): SEResNet =>
    new SEResNet(layers, options);

/** By name. */
export const senets = {
  se_resnet50: make([3, 4, 6, 3]),
  se_resnet101: make([3, 4, 23, 3]),
  se_resnet152: make([3, 8, 36, 3]),
};
