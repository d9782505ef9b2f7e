export { Perceptron } from "../nn/linear.js";
export { AlexNet, type AlexNetOptions } from "./alexnet.js";
export { Autoencoder, type AutoencoderOptions, type Coder, ConvAutoencoder, DenseAutoencoder } from "./autoencoder.js";
export { type BeamSearchOptions, beamSearch, type ScoredSequence } from "./beam_search.js";
export { CharRNN, type CharRNNOptions, type CharRNNState } from "./char_rnn.js";
export {
  DCGANDiscriminator,
  type DCGANDiscriminatorOptions,
  DCGANGenerator,
  type DCGANGeneratorOptions,
} from "./dcgan.js";
export { DecoderLM, type DecoderLMForwardOptions, type DecoderLMOptions } from "./decoder_lm.js";
export { DeepRNN, type DeepRNNOptions } from "./deep_rnn.js";
export { DenseNet, type DenseNetOptions } from "./densenet.js";
export { EfficientNet, type EfficientNetOptions, type EfficientNetScale } from "./efficientnet.js";
export { FCN, type FCNOptions } from "./fcn.js";
export {
  GANDiscriminator,
  type GANDiscriminatorOptions,
  GANGenerator,
  type GANGeneratorOptions,
} from "./gan.js";
export { type GenerateOptions, generate } from "./generate.js";
export type { Decoding, DecodingOptions, GenerativeModel } from "./generation.js";
export { GoogLeNet, type GoogLeNetOptions } from "./googlenet.js";
export { InceptionV3, type InceptionV3Options } from "./inception.js";
export type { WithAux } from "./inception_parts.js";
export { LeNet5, type LeNet5Options } from "./lenet.js";
export { type LinearModelOptions, LinearRegression, LogisticRegression, MLP, type MLPOptions } from "./linear.js";
export { MNASNet, type MNASNetOptions } from "./mnasnet.js";
export {
  type InvertedResidualSetting,
  MobileNetV1,
  type MobileNetV1Options,
  MobileNetV2,
  type MobileNetV2Options,
} from "./mobilenet.js";
export { NiN, type NiNOptions } from "./nin.js";
export type { ImageModelOptions } from "./options.js";
export type { Prompt } from "./prompt.js";
export { create, list, type ModelName, type ModelOptions } from "./registry.js";
export {
  AnyNet,
  type AnyNetOptions,
  type AnyNetSpace,
  RegNet,
  type RegNetParameters,
  regNetSpace,
} from "./regnet.js";
export { type ResidualBlockClass, ResNet, type ResNetOptions, ResNetTrunk } from "./resnet.js";
export { SEBottleneck, SEResNet } from "./senet.js";
export {
  Seq2Seq,
  type Seq2SeqAttention,
  type Seq2SeqEncodeOptions,
  type Seq2SeqForwardOptions,
  type Seq2SeqMemory,
  type Seq2SeqOptions,
  type Seq2SeqPrompt,
} from "./seq2seq.js";
export type { CellKind, CellState, SourcePrompt } from "./sequence_parts.js";
export {
  ShuffleNetV1,
  type ShuffleNetV1Options,
  ShuffleNetV2,
  type ShuffleNetV2Options,
} from "./shufflenet.js";
export { SqueezeNet, type SqueezeNetOptions } from "./squeezenet.js";
export { BidirectionalTagger, type BidirectionalTaggerOptions } from "./tagger.js";
export {
  type TransformerBaseOptions,
  TransformerClassifier,
  type TransformerClassifierOptions,
  type TransformerDecodeOptions,
  TransformerDecoderModel,
  TransformerEmbedding,
  TransformerEncoderModel,
  type TransformerStackModelOptions,
} from "./transformer.js";
export { Seq2SeqTransformer, type Seq2SeqTransformerOptions, type TransformerMemory } from "./transformer_seq2seq.js";
export { UNet, type UNetOptions } from "./unet.js";
export { type Codes, ConvVAE, DenseVAE, negativeElbo, VAE, type VAEOptions, type VAEOutput } from "./vae.js";
export { VGG, type VGGOptions } from "./vgg.js";
export { VisionTransformer, type ViTOptions, type ViTSizes } from "./vit.js";
export { Xception, type XceptionOptions } from "./xception.js";
