import type { Module } from "../nn/module.js";
import type { Tensor } from "../tensor.js";
import { readCheckpoint } from "./checkpoint.node.js";
import { Trainer as NeutralTrainer } from "./trainer.js";

/** Trains a model, and can resume from files; see `Trainer` for what it does everywhere. */
export class Trainer<M extends Module = Module, B = readonly [Tensor, Tensor]> extends NeutralTrainer<M, B> {
  protected override readCheckpoint(path: string): Uint8Array {
    return readCheckpoint(path);
  }
}
