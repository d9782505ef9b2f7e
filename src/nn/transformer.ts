import { checkInteger, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";
import type { KeyValueCache } from "./cache.js";
import { ModuleList } from "./container.js";
import { xavierUniform_ } from "./init.js";
import { Module } from "./module.js";
import { LayerNorm } from "./norm.js";
import {
  DECODER_FORWARD_OPTIONS,
  type DecoderLayerForwardOptions,
  type EncoderLayerForwardOptions,
  LAYER_OPTIONS,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer_layer.js";

/** A module from a tensor to one of the same shape. */
interface Norm extends Module {
  forward(x: Tensor): Tensor;
}

export interface TransformerStackOptions {
  /** Applied to the last layer's output. Default null: none. */
  readonly norm?: Norm | null;
}

/** Clones of one layer, each with parameters of its own. */
function clones<M extends Module>(op: string, what: string, layer: M, numLayers: number): ModuleList<M> {
  if (!(layer instanceof Module)) throw new ArgumentError(op, `${what} is no Module; expected a layer`);
  checkInteger(op, "numLayers", numLayers, 0);
  return new ModuleList(Array.from({ length: numLayers }, () => layer.clone()));
}

export interface EncoderForwardOptions extends Omit<EncoderLayerForwardOptions, "srcMask"> {
  /** `srcMask` of every layer. */
  readonly mask?: Tensor | null;
}

/**
 * numLayers clones of a `TransformerEncoderLayer`, one after the other, then `norm`. Shapes as the layer. The given layer itself is not
 * part of the stack. State: layers.0.…, layers.1.…, norm.…. Source: Vaswani et al., Attention Is All You Need, 2017.
 */
export class TransformerEncoder extends Module {
  readonly layers: ModuleList<TransformerEncoderLayer>;
  readonly norm: Norm | null;

  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, options: TransformerStackOptions = {}) {
    super();
    checkOptions("TransformerEncoder", options, ["norm"]);
    this.layers = clones("TransformerEncoder", "encoderLayer", encoderLayer, numLayers);
    this.norm = options.norm ?? null;
  }

  forward(src: Tensor, options: EncoderForwardOptions = {}): Tensor {
    checkOptions("TransformerEncoder", options, ["mask", "srcKeyPaddingMask", "isCausal", "cache"]);
    const { mask = null, cache = null, ...rest } = options;
    let x = src;
    let i = 0;
    for (const layer of this.layers) x = layer.forward(x, { ...rest, srcMask: mask, cache: partOf(cache, i++) });
    return this.norm?.forward(x) ?? x;
  }
}

function partOf(cache: KeyValueCache | null, layer: number): KeyValueCache | null {
  return cache?.part(layer) ?? null;
}

/**
 * numLayers clones of a `TransformerDecoderLayer`, one after the other, then `norm`. Shapes as the layer. The given layer itself is not
 * part of the stack. State: layers.0.…, layers.1.…, norm.…. Source: Vaswani et al., Attention Is All You Need, 2017.
 */
export class TransformerDecoder extends Module {
  readonly layers: ModuleList<TransformerDecoderLayer>;
  readonly norm: Norm | null;

  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, options: TransformerStackOptions = {}) {
    super();
    checkOptions("TransformerDecoder", options, ["norm"]);
    this.layers = clones("TransformerDecoder", "decoderLayer", decoderLayer, numLayers);
    this.norm = options.norm ?? null;
  }

  forward(tgt: Tensor, memory: Tensor, options: DecoderLayerForwardOptions = {}): Tensor {
    checkOptions("TransformerDecoder", options, DECODER_FORWARD_OPTIONS);
    const { cache = null, ...rest } = options;
    let x = tgt;
    let i = 0;
    for (const layer of this.layers) x = layer.forward(x, memory, { ...rest, cache: partOf(cache, i++) });
    return this.norm?.forward(x) ?? x;
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** Features of source and target. Default 512. */
  readonly dModel?: number;
  /** Default 8. */
  readonly nhead?: number;
  /** Default 6. */
  readonly numEncoderLayers?: number;
  /** Default 6. */
  readonly numDecoderLayers?: number;
  /** In place of the encoder. Default null. */
  readonly customEncoder?: TransformerEncoder | null;
  /** In place of the decoder. Default null. */
  readonly customDecoder?: TransformerDecoder | null;
}

export interface TransformerForwardOptions extends Omit<DecoderLayerForwardOptions, "cache"> {
  readonly srcMask?: Tensor | null;
  readonly srcKeyPaddingMask?: Tensor | null;
  readonly srcIsCausal?: boolean;
}

/**
 * An encoder of the source and a decoder of the target that attends to its output, both with a final normalisation. Shapes: source [S, N,
 * dModel], target and output [T, N, dModel]; N first with batchFirst, none without a batch. Matrices begin as Xavier's, uniform.
 * State: encoder.layers.0.…, encoder.norm.…, decoder.layers.0.…, decoder.norm.….
 * Source: Vaswani et al., Attention Is All You Need, 2017.
 * PyTorch: 1.13 has neither bias nor the causal flags.
 */
export class Transformer extends Module {
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;
  readonly encoder: TransformerEncoder;
  readonly decoder: TransformerDecoder;

  constructor(options: TransformerOptions = {}) {
    super();
    const own = ["dModel", "nhead", "numEncoderLayers", "numDecoderLayers", "customEncoder", "customDecoder"];
    checkOptions("Transformer", options, [...own, ...LAYER_OPTIONS]);
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6, ...others } = options;
    const { customEncoder = null, customDecoder = null, ...layer } = others;
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = layer.batchFirst ?? false;
    const { layerNormEps: eps = 1e-5, bias = true } = layer;
    this.encoder =
      customEncoder ??
      made(new TransformerEncoderLayer(dModel, nhead, layer), (l) => {
        return new TransformerEncoder(l, numEncoderLayers, { norm: new LayerNorm(dModel, { eps, bias }) });
      });
    this.decoder =
      customDecoder ??
      made(new TransformerDecoderLayer(dModel, nhead, layer), (l) => {
        return new TransformerDecoder(l, numDecoderLayers, { norm: new LayerNorm(dModel, { eps, bias }) });
      });
    this.resetParameters();
  }

  /** Draws all matrices anew. */
  resetParameters(): void {
    for (const p of this.parameters()) if (p.ndim > 1) xavierUniform_(p);
  }

  /** Source and target of one batch size and dModel features each. */
  forward(src: Tensor, tgt: Tensor, options: TransformerForwardOptions = {}): Tensor {
    const known = ["srcMask", "srcKeyPaddingMask", "srcIsCausal", ...DECODER_FORWARD_OPTIONS];
    checkOptions(
      "Transformer",
      options,
      known.filter((name) => name !== "cache"),
    );
    this.checkInputs(src, tgt);
    const { srcMask = null, srcKeyPaddingMask = null, srcIsCausal = false, ...rest } = options;
    const memory = this.encoder.forward(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder.forward(tgt, memory, rest);
  }

  private checkInputs(src: Tensor, tgt: Tensor): void {
    const { dModel, batchFirst } = this;
    const shapes = `source ${formatShape(src.shape)}, target ${formatShape(tgt.shape)}`;
    if (src.ndim !== tgt.ndim || (src.ndim !== 2 && src.ndim !== 3)) {
      throw new ShapeError(
        "Transformer",
        `expected source and target both of rank 3, or of rank 2 without a batch (${shapes})`,
      );
    }
    const batch = batchFirst ? 0 : 1;
    if (src.ndim === 3 && src.shape[batch] !== tgt.shape[batch]) {
      throw new ShapeError("Transformer", `source and target differ in batch size; expected the same (${shapes})`);
    }
    if (src.shape.at(-1) !== dModel || tgt.shape.at(-1) !== dModel) {
      throw new ShapeError("Transformer", `expected source and target of ${dModel} features (${shapes})`);
    }
  }

  /** float32 [size, size]: 0 where position i may attend to j ≤ i, −∞ elsewhere. */
  static generateSquareSubsequentMask(size: number): Tensor {
    checkInteger("Transformer", "size", size, 0);
    const values = Float32Array.from({ length: size * size }, (_, at) =>
      at % size > Math.floor(at / size) ? -Infinity : 0,
    );
    return adopt(makeTensor(values, { shape: [size, size] }));
  }
}

/** What `make` builds from a layer that is not needed any more afterwards. */
function made<L extends Module, M>(layer: L, make: (layer: L) => M): M {
  try {
    return make(layer);
  } finally {
    layer.dispose();
  }
}
