// The ABI: every exported function of these families, under the same name as in src/backend/js.
export * from "./arithmetic";
export * from "./avgpool";
export * from "./compare";
export * from "./copy";
export * from "./indexing";
export * from "./random";
export * from "./matmul";
export * from "./random";
export * from "./rearrange";
export * from "./maxpool";
export * from "./random";
export * from "./norm_batch";
export * from "./norm_group";
export * from "./norm_rms";
export * from "./reduce";
export * from "./transcendental";
export * from "./unary";
