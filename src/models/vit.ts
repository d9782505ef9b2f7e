import { checkInteger, checkRank } from "../check.js";
import { zeros } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { add } from "../functional/arithmetic.js";
import { cat, expand, flatten, select, transpose } from "../functional/copy.js";
import { GELU } from "../nn/activation.js";
import { MultiheadAttention } from "../nn/attention.js";
import { NamedSequential, Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { Dropout } from "../nn/dropout.js";
import { normal_, truncNormal_, xavierUniform_, zeros_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { LayerNorm } from "../nn/norm.js";
import { Parameter } from "../nn/parameter.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface ViTSizes {
  /** Side of the images, a multiple of patchSize. Default 224; 28 if small. */
  readonly imageSize?: number;
  /** Side of a patch. Default: the model's own; 4 if small. */
  readonly patchSize?: number;
  readonly numLayers?: number;
  readonly numHeads?: number;
  /** Features of a token; heads divide it. widthMult applies to it. */
  readonly hiddenDim?: number;
  /** Features of the hidden layer of each perceptron. widthMult applies to it. */
  readonly mlpDim?: number;
}

export interface ViTOptions extends ImageModelOptions, ViTSizes {
  /** Probability to drop a feature in the encoder. Default 0. */
  readonly dropout?: number;
  /** Probability to drop an attention weight. Default 0. */
  readonly attentionDropout?: number;
}

type Sizes = Required<Omit<ViTSizes, "imageSize">>;

/** As torchvision, which has JAX's. */
const EPS = 1e-6;

/** x + attention(norm(x)), then y + perceptron(norm(y)) (Dosovitskiy et al., 2021, Figure 1 right). Keys: ln_1, self_attention, ln_2, mlp.0, mlp.3. */
class EncoderBlock extends Module {
  readonly ln_1: LayerNorm;
  readonly selfAttention: MultiheadAttention;
  readonly dropout: Dropout;
  readonly ln_2: LayerNorm;
  readonly mlp: Sequential;

  constructor(dim: number, mlpDim: number, heads: number, p: number, attentionDropout: number) {
    super();
    this.ln_1 = new LayerNorm(dim, { eps: EPS });
    this.selfAttention = new MultiheadAttention(dim, heads, { dropout: attentionDropout, batchFirst: true });
    this.dropout = new Dropout({ p });
    this.ln_2 = new LayerNorm(dim, { eps: EPS });
    const [up, down] = [new Linear(dim, mlpDim), new Linear(mlpDim, dim)];
    for (const { weight, bias } of [up, down]) {
      xavierUniform_(weight);
      if (bias !== null) normal_(bias, 0, 1e-6);
    }
    this.mlp = new Sequential(up, new GELU(), new Dropout({ p }), down, new Dropout({ p }));
  }

  forward(x: Tensor): Tensor {
    const normal = this.ln_1.forward(x);
    const [attended] = this.selfAttention.forward(normal, normal, normal, { needWeights: false });
    const y = add(x, this.dropout.forward(attended));
    return add(y, this.mlp.forward(this.ln_2.forward(y)));
  }
}

/** Learned positions that begin with a standard deviation, blocks, a normalisation. Keys: pos_embedding, layers.encoder_layer_0 …, ln. */
class Encoder extends Module {
  readonly posEmbedding: Parameter;
  readonly dropout: Dropout;
  readonly layers: NamedSequential;
  readonly ln: LayerNorm;

  constructor(length: number, dim: number, blocks: Readonly<Record<string, EncoderBlock>>, p: number, std: number) {
    super();
    this.posEmbedding = new Parameter(zeros([1, length, dim]));
    normal_(this.posEmbedding, 0, std);
    this.dropout = new Dropout({ p });
    this.layers = new NamedSequential(blocks);
    this.ln = new LayerNorm(dim, { eps: EPS });
  }

  forward(x: Tensor): Tensor {
    return this.ln.forward(this.layers.forward(this.dropout.forward(add(x, this.posEmbedding))));
  }
}

/**
 * Vision Transformer: patches as tokens, a class token before them, a Transformer's encoder, a linear layer on the class token (Dosovitskiy et
 * al., An Image Is Worth 16×16 Words, 2021, Figure 1 and Table 1). Parameters and multiply-adds at 224 px:
 *
 *     vit_b_16   86,567,656  17.6 G     vit_l_16  304,326,632   61.6 G     vit_h_14  632,045,800  167.3 G
 *     vit_b_32   88,224,232   4.4 G     vit_l_32  306,535,400   15.4 G
 *
 * `small`: patches of 4×4 in images of 28 px, and positions that begin with deviation 0.5 for 0.02, which takes more steps to tell patches apart
 * than a small set of images gives. Shapes: x [N, inChannels, imageSize, imageSize] → logits [N, numClasses]. The last layer begins at 0.
 * Keys: class_token, conv_proj, encoder.pos_embedding, encoder.layers.encoder_layer_0 …, encoder.ln, heads.head.
 * Errors: ShapeError for images of another size.
 */
export class VisionTransformer extends Module {
  readonly classToken: Parameter;
  readonly convProj: Conv2d;
  readonly encoder: Encoder;
  readonly heads: NamedSequential;
  readonly imageSize: number;

  constructor(sizes: Sizes, options: ViTOptions = {}) {
    super();
    const op = "VisionTransformer";
    const own = ["imageSize", "patchSize", "numLayers", "numHeads", "hiddenDim", "mlpDim"] as const;
    const common = imageSettings(op, options, [...own, "dropout", "attentionDropout"]);
    const { numClasses, inChannels, widthMult, small } = common;
    const defaults = { ...sizes, imageSize: small ? 28 : 224, ...(small ? { patchSize: 4 } : {}) };
    const [imageSize, patchSize, numLayers, numHeads, hidden, mlp] = own.map((key) =>
      checkInteger(op, key, options[key] ?? defaults[key], 1),
    ) as [number, number, number, number, number, number];
    if (imageSize % patchSize !== 0) {
      throw new ArgumentError(op, `imageSize is ${imageSize}; expected a multiple of patchSize ${patchSize}`);
    }
    const { dropout = 0, attentionDropout = 0 } = options;
    const dim = scaled(hidden, widthMult, numHeads);
    const mlpDim = scaled(mlp, widthMult);
    this.imageSize = imageSize;
    this.classToken = new Parameter(zeros([1, 1, dim]));
    this.convProj = new Conv2d(inChannels, dim, patchSize, { stride: patchSize });
    truncNormal_(this.convProj.weight, { std: Math.sqrt(1 / (inChannels * patchSize * patchSize)) });
    zeros_(this.convProj.bias!);
    const blocks = Object.fromEntries(
      Array.from({ length: numLayers }, (_, i) => [
        `encoder_layer_${i}`,
        new EncoderBlock(dim, mlpDim, numHeads, dropout, attentionDropout),
      ]),
    );
    this.encoder = new Encoder((imageSize / patchSize) ** 2 + 1, dim, blocks, dropout, small ? 0.5 : 0.02);
    const head = new Linear(dim, numClasses);
    zeros_(head.weight);
    zeros_(head.bias!);
    this.heads = new NamedSequential({ head });
  }

  forward(x: Tensor): Tensor {
    checkRank("VisionTransformer", "input", x.shape, 4);
    const { imageSize: side } = this;
    if (x.shape[2] !== side || x.shape[3] !== side) {
      const got = formatShape(x.shape);
      throw new ShapeError("VisionTransformer", `input is ${got}; expected images of ${side} × ${side} pixels`);
    }
    const patches = transpose(flatten(this.convProj.forward(x), { startDim: 2 }), { dim0: 1, dim1: 2 });
    const first = expand(this.classToken, { shape: [x.size(0), 1, patches.size(2)] });
    const tokens = this.encoder.forward(cat([first, patches], { dim: 1 }));
    return this.heads.forward(select(tokens, { dim: 1, index: 0 }));
  }
}

const make =
  (patchSize: number, numLayers: number, numHeads: number, hiddenDim: number, mlpDim: number) =>
  (options: ViTOptions = {}): VisionTransformer =>
    new VisionTransformer({ patchSize, numLayers, numHeads, hiddenDim, mlpDim }, options);

/** By name. */
export const vits = {
  vit_b_16: make(16, 12, 12, 768, 3072),
  vit_b_32: make(32, 12, 12, 768, 3072),
  vit_l_16: make(16, 24, 16, 1024, 4096),
  vit_l_32: make(32, 24, 16, 1024, 4096),
  vit_h_14: make(14, 32, 16, 1280, 5120),
};
