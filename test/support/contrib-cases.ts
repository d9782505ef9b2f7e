// Operators that no shared case has, with what they give by their formulas.
import { attentionCases } from "./contrib-attention.js";
import type { ContribCase } from "./contrib-case.js";
import { deformCases } from "./contrib-conv.js";
import { fusedCases } from "./contrib-fused.js";
import { groupQueryCases } from "./contrib-group-query.js";
import { quantisedCases } from "./contrib-quantised.js";

export const contribCases: readonly ContribCase[] = [
  ...fusedCases,
  ...quantisedCases,
  ...attentionCases,
  ...groupQueryCases,
  ...deformCases,
];
