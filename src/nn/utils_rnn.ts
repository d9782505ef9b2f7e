// `nn.utils.rnn`: sequences of different lengths.
export {
  isPackedSequence,
  type Lengths,
  type PackedSequence,
  type PackOptions,
  type PadOptions,
  type PadPackedOptions,
  packPaddedSequence,
  packSequence,
  padPackedSequence,
  padSequence,
  unpackSequence,
  unpadSequence,
} from "./packed.js";
