import type { Module } from "./module.js";

/** Notes the training mode of each module; returns what restores them. */
export function modesOf(model: Module): () => void {
  const modes = [...model.modules()].map((module): [Module, boolean] => [module, module.training]);
  return () => {
    for (const [module, training] of modes) module.training = training;
  };
}
