import type { OperatorTable } from "../handler.js";

/** Families of ONNX's own operators. */
const families: readonly OperatorTable[] = [];

/** The operators by domain; "" is ONNX's own. */
export const operators: ReadonlyMap<string, OperatorTable> = new Map([["", Object.assign({}, ...families)]]);
