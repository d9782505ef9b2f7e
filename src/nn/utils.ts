// `nn.utils`: what works on modules and is none itself.
export * from "./parametrize.js";
