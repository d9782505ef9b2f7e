export { type GunzipOptions, gunzip } from "./gunzip.js";
export { type IdxArray, type IdxData, parseIdx } from "./idx.js";
