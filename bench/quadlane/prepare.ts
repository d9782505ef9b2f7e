// This library's side of every kind of work, used as its users would: scopes, modules, optimizers.
import { getBackend } from "quadlane";
import type { Job } from "../serve.js";
import type { Work } from "../works.js";
import { adam, attention, batchNorm, conv, gemm, maxPool, recurrent, rows } from "./calls.js";
import { infer, inferInSession, train } from "./networks.js";

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
      return infer(work);
    case "op":
      // Loaded on demand: nobody else should wait for all those rows.
      return import("../ops.js").then(({ opJob }) => opJob(work, getBackend()));
    case "ceiling":
      throw new Error("a library has no ceiling");
  }
}

/** The same in a session, where there is one for it. */
export function prepareSession(work: Work): Job {
  if (work.kind !== "infer") throw new Error("sessions compute what models give");
  return inferInSession(work);
}
