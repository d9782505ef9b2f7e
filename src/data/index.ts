export { type AugmentOptions, augment, imageStatistics } from "./augment.js";
export { type Collated, collate, type NumberArray } from "./collate.js";
export { type Dataset, randomSplit, Subset, TensorDataset } from "./dataset.js";
export { type DigitsOptions, drawDigits } from "./digits.js";
export { type GunzipOptions, gunzip } from "./gunzip.js";
export { type IdxArray, type IdxData, parseIdx } from "./idx.js";
export { ImageDataset, type ImageDatasetOptions, type PixelStatistics } from "./images.js";
export { DataLoader, type DataLoaderOptions, type DataLoaderState } from "./loader.js";
export { NGram, type NGramOptions, type SampleOptions } from "./ngram.js";
export { type PadCollateOptions, type Padded, type PaddedSequences, padCollate } from "./pad.js";
export type { Transform } from "./transform.js";
export * as transforms from "./transforms/index.js";
export {
  type DecodeOptions,
  type EncodeOptions,
  Vocabulary,
  type VocabularyOptions,
  type VocabularyState,
} from "./vocabulary.js";
export { type BytePairOptions, type BytePairState, BytePairTokenizer } from "./vocabulary_bytes.js";
export {
  CharacterTokenizer,
  type Tokenizer,
  WordTokenizer,
  type WordTokenizerOptions,
} from "./vocabulary_tokenizers.js";
