// `nn.utils`: what works on modules and is none itself.
export * from "./bptt.js";
export { fuse, fuseConvBnEval, fuseLinearBnEval } from "./fuse.js";
export * from "./gradients.js";
export * from "./parametrize.js";
export * from "./receptive.js";
export * from "./transfer.js";
export * as rnn from "./utils_rnn.js";
