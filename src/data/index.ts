export { type Collated, collate, type NumberArray } from "./collate.js";
export { type Dataset, randomSplit, Subset, TensorDataset } from "./dataset.js";
export { type DigitsOptions, drawDigits } from "./digits.js";
export { type GunzipOptions, gunzip } from "./gunzip.js";
export { type IdxArray, type IdxData, parseIdx } from "./idx.js";
export { ImageDataset, type ImageDatasetOptions, type PixelStatistics } from "./images.js";
export { DataLoader, type DataLoaderOptions, type DataLoaderState } from "./loader.js";
