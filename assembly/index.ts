// The ABI: every exported function of these families, under the same name as in src/backend/js.
export * from "./arithmetic";
export * from "./copy";
export * from "./random";
export * from "./matmul";
export * from "./rearrange";
export * from "./matmul";
export * from "./reduce";
export * from "./transcendental";
export * from "./unary";
