import type { OperatorTable } from "../handler.js";
import { activations } from "./activation.js";
import { arithmetic } from "./arithmetic.js";
import { attentions } from "./attention.js";
import { casts } from "./cast.js";
import { control } from "./control.js";
import { convolutions } from "./conv.js";
import { creators } from "./create.js";
import { deformations } from "./deform.js";
import { detection } from "./detect.js";
import { gathers } from "./gather.js";
import { grids } from "./grid.js";
import { logic } from "./logic.js";
import { losses } from "./loss.js";
import { microsoft } from "./microsoft/index.js";
import { normalizations } from "./norm.js";
import { pooling } from "./pool.js";
import { products } from "./product.js";
import { quantization } from "./quantize.js";
import { randomDraws } from "./random_draws.js";
import { rearrangements } from "./rearrange.js";
import { recurrentLayers } from "./recurrent.js";
import { reductions } from "./reduce.js";
import { resizing } from "./resize.js";
import { searches } from "./search.js";
import { sequences } from "./sequence.js";
import { shapes } from "./shape.js";
import { signals } from "./signal.js";
import { slices } from "./slice.js";
import { textOperators } from "./text.js";
import { trigonometry } from "./trigonometry.js";

/** Families of ONNX's own operators. */
export const families: readonly OperatorTable[] = [
  activations,
  arithmetic,
  attentions,
  casts,
  control,
  convolutions,
  creators,
  deformations,
  detection,
  gathers,
  grids,
  logic,
  losses,
  normalizations,
  pooling,
  products,
  quantization,
  randomDraws,
  rearrangements,
  recurrentLayers,
  reductions,
  resizing,
  searches,
  sequences,
  shapes,
  signals,
  slices,
  textOperators,
  trigonometry,
];

/** The operators by domain; "" is ONNX's own. */
export const operators: ReadonlyMap<string, OperatorTable> = new Map([
  ["", Object.assign({}, ...families)],
  ["com.microsoft", microsoft],
]);
