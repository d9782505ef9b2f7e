import type { OperatorTable } from "../../handler.js";
import { quantization } from "../quantize.js";
import { activations } from "./activation.js";
import { attentions } from "./attention.js";
import { groupQuery } from "./group_query.js";
import { norms } from "./norm.js";
import { fusedProducts } from "./product.js";

const quantised = (name: string): OperatorTable => ({
  [name]: [{ since: 1, attributes: ["axis", "block_size"], run: quantization[name]!.at(-1)!.run }],
});

/** Operators of the domain com.microsoft, which ONNX Runtime's optimiser and exporters of transformers write. */
export const microsoft: OperatorTable = {
  ...activations,
  ...attentions,
  ...groupQuery,
  ...norms,
  ...fusedProducts,
  ...quantised("DequantizeLinear"),
  ...quantised("QuantizeLinear"),
};
