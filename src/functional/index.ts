export * from "./arithmetic.js";
export * from "./copy.js";
export * from "./reduce.js";
export * from "./unary.js";
