import type { OperatorTable } from "../../handler.js";
import { runDequantize, runQuantize } from "../quantize.js";
import { activations } from "./activation.js";
import { attentions } from "./attention.js";
import { groupQuery } from "./group_query.js";
import { norms } from "./norm.js";
import { fusedProducts } from "./product.js";

const LINEAR = ["axis", "block_size"];

/** Operators of the domain com.microsoft, which ONNX Runtime's optimiser and exporters of transformers write. */
export const microsoft: OperatorTable = {
  ...activations,
  ...attentions,
  ...groupQuery,
  ...norms,
  ...fusedProducts,
  DequantizeLinear: [{ since: 1, attributes: LINEAR, run: runDequantize }],
  QuantizeLinear: [{ since: 1, attributes: LINEAR, run: runQuantize }],
};
