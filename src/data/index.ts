export { type AugmentOptions, augment, imageStatistics } from "./augment.js";
export { type Collated, collate, type NumberArray } from "./collate.js";
export { ConcatDataset } from "./concat.js";
export { type CsvOptions, parseCsv } from "./csv.js";
export { type Dataset, randomSplit, Subset, splitInOrder, TensorDataset } from "./dataset.js";
export { type DigitsOptions, drawDigits } from "./digits.js";
export { type GunzipOptions, gunzip } from "./gunzip.js";
export { type IdxArray, type IdxData, parseIdx } from "./idx.js";
export { ImageDataset, type ImageDatasetOptions, type PixelStatistics } from "./images.js";
export { DataLoader, type DataLoaderOptions, type DataLoaderState } from "./loader.js";
export { MapDataset, MapStream, withTransform } from "./map.js";
export { NGram, type NGramOptions, type SampleOptions } from "./ngram.js";
export { type PadCollateOptions, type Padded, type PaddedSequences, padCollate } from "./pad.js";
export { type PairsOptions, parsePairs } from "./pairs.js";
export { type PartitionOptions, randomBatches, sequentialBatches, TokenDataset } from "./partition.js";
export {
  type BatchSampler,
  RandomSampler,
  type RandomSamplerOptions,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
  type WeightedRandomSamplerOptions,
} from "./sampler.js";
export { BucketBatchSampler, type BucketBatchSamplerOptions } from "./sampler_bucket.js";
export { type InverseOptions, Standardizer, type StandardizerState } from "./standardizer.js";
export type { GeneratorAt, IterableDataset } from "./stream.js";
export { type Categories, type NumbersOptions, Table, type TableOrigin } from "./table.js";
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
export { SlidingWindows, type SlidingWindowsOptions } from "./windows.js";
export { type DatasetFactory, WorkerDataset } from "./worker_dataset.js";
