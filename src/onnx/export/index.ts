import type { AnyOp } from "../../graph/graph.js";
import type { Rule } from "../export_rule.js";
import { activations } from "./activation.js";
import { attentions } from "./attention.js";
import { elementwise } from "./elementwise.js";
import { indexing } from "./index_ops.js";
import { losses } from "./loss.js";
import { norms } from "./norm.js";
import { pools } from "./pool.js";
import { products } from "./product.js";
import { recurrences } from "./recurrent.js";
import { reductions } from "./reduce.js";
import { resampling } from "./resample.js";
import { sorting } from "./sort.js";
import { views } from "./view.js";

const families: readonly (readonly Rule[])[] = [
  activations,
  attentions,
  elementwise,
  indexing,
  losses,
  norms,
  pools,
  products,
  recurrences,
  reductions,
  resampling,
  sorting,
  views,
];

/** How each op is written. Gradients, random draws, factorisations of matrices and alignments (CTC) are not in it: ONNX has none. */
export const rules: ReadonlyMap<AnyOp, Rule> = new Map(families.flat().map((rule) => [rule.op, rule]));
