export * from "./arithmetic.js";
export * from "./copy.js";
export * from "./matmul.js";
export * from "./random.js";
export * from "./rearrange.js";
export * from "./reduce.js";
export * from "./unary.js";
export * from "./view.js";
