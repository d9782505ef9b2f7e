export * from "./activation.js";
export * from "./attention.js";
export * from "./attention_scored.js";
export * from "./blocks.js";
export * from "./blocks_dense.js";
export * from "./blocks_inception.js";
export * from "./blocks_mobile.js";
export * from "./blocks_residual.js";
export * from "./cache.js";
export * from "./container.js";
export { Conv1d, Conv2d, Conv3d, type ConvModuleOptions } from "./conv.js";
export * from "./conv_transpose.js";
export * from "./ctc.js";
export * from "./distance.js";
export * from "./dropout.js";
export * from "./embedding.js";
export type { Epilogue } from "./epilogue.js";
export * as init from "./init.js";
export * from "./linear.js";
export { CrossEntropyLoss, L1Loss, MSELoss, NLLLoss } from "./loss.js";
export * from "./loss_adversarial.js";
export * from "./loss_distribution.js";
export * from "./loss_elementwise.js";
export * from "./loss_margin.js";
export * from "./loss_multiclass.js";
export {
  cloneStateDict,
  type ForwardHook,
  type ForwardPreHook,
  type ForwardWrapper,
  type HookHandle,
  Module,
  type StateDict,
} from "./module.js";
export * from "./noise.js";
export * from "./norm.js";
export * from "./norm_batch.js";
export * from "./pad.js";
export { Buffer, Parameter } from "./parameter.js";
export * from "./pool.js";
export * from "./pool_global.js";
export * from "./positions.js";
export {
  GRU,
  type GruOptions,
  LSTM,
  type LstmOptions,
  type LstmState,
  type RecurrentForwardOptions,
  type RecurrentOptions,
  RNN,
  type RnnOptions,
} from "./recurrent.js";
export * from "./recurrent_cell.js";
export * from "./recurrent_conv.js";
export * from "./separable.js";
export * from "./shuffle.js";
export * from "./transformer.js";
export {
  type DecoderLayerForwardOptions,
  type EncoderLayerForwardOptions,
  type TransformerActivation,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer_layer.js";
export * from "./unfold.js";
export * from "./upsample.js";
export * as utils from "./utils.js";
