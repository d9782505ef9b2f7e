// `data.transforms`: torchvision's transforms in camelCase, as functions that make functions.
export { type RandomAffineOptions, randomAffine, randomRotation, type WarpOptions } from "./affine.js";
export {
  type ColorJitterOptions,
  colorJitter,
  type GrayscaleOptions,
  grayscale,
  normalize,
  normalizeBy,
} from "./color.js";
export { compose, type ImageSample, type MaskedSample, onBoth, onImage } from "./compose.js";
export { centerCrop, type RandomCropOptions, randomCrop } from "./crop.js";
export { type FlipOptions, randomHorizontalFlip, randomVerticalFlip } from "./flip.js";
export type { Range, SampleTransform } from "./image.js";
export {
  type BlurOptions,
  type GaussianNoiseOptions,
  gaussianBlur,
  gaussianNoise,
  type RandomErasingOptions,
  randomErasing,
} from "./noise.js";
export {
  type InterpolationOptions,
  type RandomResizedCropOptions,
  type ResizeOptions,
  randomResizedCrop,
  resize,
} from "./resize.js";
