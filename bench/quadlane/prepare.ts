// This library's side of every kind of work, used as its users would: scopes, modules, optimizers.
import { getBackend } from "quadlane";
import type { Job } from "../serve.js";
import type { Work } from "../works.js";
import { adam, attention, batchNorm, conv, gemm, maxPool, recurrent, rows } from "./calls.js";
import { infer, inferEagerly, inferFile, train } from "./networks.js";

/** A work on the back end in use. */
export function prepare(work: Work): Job | Promise<Job> {
  switch (work.kind) {
    case "gemm":
      return gemm(work);
    case "conv":
      return conv(work);
    case "recurrent":
      return recurrent(work);
    case "softmax":
    case "layernorm":
      return rows(work);
    case "batchnorm":
      return batchNorm(work);
    case "maxpool":
      return maxPool(work);
    case "attention":
      return attention(work);
    case "adam":
      return adam(work);
    case "train":
      return train(work);
    case "infer":
      return work.eager ? inferEagerly(work) : infer(work);
    case "file":
      return inferFile(work);
    case "op":
      // Loaded on demand: nobody else should wait for all those rows.
      return import("../ops.js").then(({ opJob }) => opJob(work, getBackend()));
    case "ceiling":
      throw new Error("a library has no ceiling");
  }
}

/** A model without a session. */
export function prepareEagerly(work: Work): Job {
  if (work.kind !== "infer") throw new Error("only models run in sessions");
  return inferEagerly(work);
}
