// Translation by a Transformer. N batch, S words of the source, T of the target, d = dModel, V target words.
import { checkInteger, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { cat, select } from "../functional/copy.js";
import { linear } from "../functional/matmul.js";
import { indexSelect } from "../functional/rows.js";
import { KeyValueCache } from "../nn/cache.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { Transformer } from "../nn/transformer.js";
import { noGrad } from "../scoping.js";
import { adopt, type Tensor } from "../tensor.js";
import type { Decoding, DecodingOptions, GenerativeModel } from "./generation.js";
import { checkBoolean } from "./options.js";
import { checkTokens, Kept, type SourcePrompt, tokenColumn } from "./sequence_parts.js";
import {
  readTarget,
  type TransformerBaseOptions,
  TransformerClassifier,
  type TransformerClassifierOptions,
  TransformerDecoderModel,
  TransformerEmbedding,
  TransformerEncoderModel,
  type TransformerStackModelOptions,
  transformerSettings,
  wordPadding,
  wordPositions,
} from "./transformer.js";

export interface Seq2SeqTransformerOptions extends TransformerBaseOptions {
  /** Default 6. */
  readonly numEncoderLayers?: number;
  /** Default 6. */
  readonly numDecoderLayers?: number;
  /** One table of word vectors for source, target and generator, as in the paper (Section 3.4). Default false. */
  readonly tied?: boolean;
}

/** What a decoder reads from. */
export interface TransformerMemory {
  /** The encoder's outputs [N, S, d]. */
  readonly memory: Tensor;
  /** bool [N, S], true for padding; null if no word is. */
  readonly padding: Tensor | null;
}

const OP = "Seq2SeqTransformer";

/**
 * The Transformer: `nn.Transformer` between embeddings and a linear layer (Vaswani et al., Attention Is All You Need, 2017, Figure 1). The
 * default sizes are those of the base model (Table 3): the core has 44,140,544 parameters, to which U source words and V target words add
 * d·(U + 2·V) + V; tied, with U = V, d·V, for 37,000 words 63,084,544 in all (the paper: 65·10⁶). Big: dModel 1024, nhead 16, dimFeedforward
 * 4096. Shapes: source int32 [N, S], target int32 [N, T], which begins with the word that begins every target → logits [N, T, V]. Padding of
 * the source is not attended to; a source of nothing else gives NaN. Keys: source_embedding.…, target_embedding.…, transformer.encoder.…,
 * transformer.decoder.…, generator.….
 */
export class Seq2SeqTransformer extends Module implements GenerativeModel<SourcePrompt> {
  readonly sourceEmbedding: TransformerEmbedding;
  readonly targetEmbedding: TransformerEmbedding;
  readonly transformer: Transformer;
  /** Null if tied: the target's embedding stands for it, without a bias. */
  readonly generator: Linear | null;
  readonly paddingIdx: number | null;

  constructor(sourceWords: number, targetWords: number, options: Seq2SeqTransformerOptions = {}) {
    super();
    checkInteger(OP, "sourceWords", sourceWords, 1);
    checkInteger(OP, "targetWords", targetWords, 1);
    const own = ["numEncoderLayers", "numDecoderLayers", "tied"];
    const settings = transformerSettings(OP, Math.min(sourceWords, targetWords), options, own);
    const { dModel, nhead, paddingIdx } = settings;
    const numEncoderLayers = checkInteger(OP, "numEncoderLayers", options.numEncoderLayers ?? 6, 1);
    const numDecoderLayers = checkInteger(OP, "numDecoderLayers", options.numDecoderLayers ?? 6, 1);
    const tied = checkBoolean(OP, "tied", options.tied ?? false);
    if (tied && sourceWords !== targetWords) {
      throw new ArgumentError(OP, `there are ${sourceWords} and ${targetWords} words; expected the same if tied`);
    }
    this.transformer = new Transformer({ dModel, nhead, numEncoderLayers, numDecoderLayers, ...settings.layer });
    const positions = wordPositions(settings);
    this.sourceEmbedding = new TransformerEmbedding(sourceWords, positions, paddingIdx);
    this.targetEmbedding = tied ? this.sourceEmbedding : new TransformerEmbedding(targetWords, positions, paddingIdx);
    this.generator = tied ? null : new Linear(dModel, targetWords);
    this.paddingIdx = paddingIdx;
  }

  /** Errors: DTypeError, ShapeError for other inputs; ArgumentError for sequences beyond maxLength. */
  forward(source: Tensor, target: Tensor): Tensor {
    return this.decode(target, this.encode(source));
  }

  /** Reads the source. */
  encode(source: Tensor): TransformerMemory {
    checkTokens(OP, "source", source);
    const padding = wordPadding(source, this.paddingIdx);
    const words = this.sourceEmbedding.forward(source);
    return { memory: this.transformer.encoder.forward(words, { srcKeyPaddingMask: padding }), padding };
  }

  /** The logits [N, T, V] behind target words [N, T], which follow those that the cache has read. */
  decode(target: Tensor, { memory, padding }: TransformerMemory, cache: KeyValueCache | null = null): Tensor {
    const { targetEmbedding: embedding, generator } = this;
    const options = { memoryPadding: padding, cache };
    const y = readTarget(OP, embedding, this.transformer.decoder, [target, memory], options);
    return generator === null ? linear(y, embedding.embedding.weight) : generator.forward(y);
  }

  startDecoding(prompt: SourcePrompt, options: DecodingOptions = {}): [logits: Tensor, decoding: Decoding] {
    checkOptions(OP, options, ["cache"]);
    checkOptions(OP, prompt, ["source", "begin"]);
    const { source, begin } = prompt;
    checkInteger(OP, "begin", begin, 0, this.targetEmbedding.embedding.numEmbeddings - 1);
    const decoding = new TransformerDecoding(
      this,
      noGrad(() => this.encode(source)),
      options.cache ?? true,
    );
    try {
      return [decoding.step(new Int32Array(source.size(0)).fill(begin)), decoding];
    } catch (error) {
      decoding.dispose();
      throw error;
    }
  }
}

/** Targets that a model is writing, with keys and values of their words, or with the words themselves. */
class TransformerDecoding implements Decoding {
  private readonly kept = new Kept();
  private readonly cache: KeyValueCache | null;

  constructor(
    private readonly model: Seq2SeqTransformer,
    private memory: TransformerMemory,
    cached: boolean,
    private words: Tensor | null = null,
  ) {
    this.cache = cached ? new KeyValueCache() : null;
    this.keep(memory, null);
  }

  step(tokens: Int32Array): Tensor {
    return noGrad(() => {
      const column = tokenColumn(tokens);
      if (this.cache === null)
        this.keep(this.memory, this.words === null ? column : cat([this.words, column], { dim: 1 }));
      const logits = this.model.decode(this.words ?? column, this.memory, this.cache);
      return select(logits, { dim: 1, index: -1 });
    });
  }

  reorder(index: Int32Array): void {
    const { memory, padding } = this.memory;
    noGrad(() => {
      const rows = adopt(makeTensor(index));
      const taken = (x: Tensor): Tensor => indexSelect(x, rows, { dim: 0 });
      this.cache?.reorder(rows);
      this.keep({ memory: taken(memory), padding: padding && taken(padding) }, this.words && taken(this.words));
    });
  }

  dispose(): void {
    this.kept.dispose();
    this.cache?.dispose();
  }

  private keep(memory: TransformerMemory, words: Tensor | null): void {
    this.memory = memory;
    this.words = words;
    this.kept.replace([memory.memory, memory.padding, words]);
  }
}

/** The paper's vocabulary of English and German. */
const WORDS = 37_000;

export interface TransformerWordOptions {
  /** Default 37000. */
  readonly numWords?: number;
}

/** By name. */
export const transformers = {
  transformer_encoder: ({
    numWords = WORDS,
    ...rest
  }: TransformerStackModelOptions & TransformerWordOptions = {}): TransformerEncoderModel =>
    new TransformerEncoderModel(numWords, rest),
  transformer_decoder: ({
    numWords = WORDS,
    ...rest
  }: TransformerStackModelOptions & TransformerWordOptions = {}): TransformerDecoderModel =>
    new TransformerDecoderModel(numWords, rest),
  /** numClasses: 2 by default. */
  transformer_classifier: ({
    numWords = WORDS,
    numClasses = 2,
    ...rest
  }: TransformerClassifierOptions &
    TransformerWordOptions & { readonly numClasses?: number } = {}): TransformerClassifier =>
    new TransformerClassifier(numWords, numClasses, rest),
  /** sourceWords and targetWords: 37000 by default. */
  transformer: ({
    sourceWords = WORDS,
    targetWords = WORDS,
    ...rest
  }: Seq2SeqTransformerOptions & {
    readonly sourceWords?: number;
    readonly targetWords?: number;
  } = {}): Seq2SeqTransformer => new Seq2SeqTransformer(sourceWords, targetWords, rest),
};
