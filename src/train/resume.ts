import type { Module } from "../nn/module.js";
import type { Loader } from "./batches.js";
import { isStateful, type Stateful } from "./callback.js";
import { Checkpoint, type CheckpointContent, CheckpointError, type CheckpointParts } from "./checkpoint.js";
import type { Settings } from "./trainer_options.js";
import { statefulByName, type TrainerState } from "./trainer_state.js";

function partsOf<M extends Module, B>(model: M, settings: Settings<M, B>, loader: Loader<B>): CheckpointParts {
  const { optimizer, scheduler, generators } = settings;
  return { model, optimizer, scheduler, loader: isStateful(loader) ? loader : undefined, generators };
}

/** What has a state beside the parts of a checkpoint, by kind and name: callbacks, metrics, the validation loader. */
function others<M extends Module, B>(
  { callbacks, metrics }: Settings<M, B>,
  validation: Loader<B> | undefined,
): Map<string, Stateful> {
  const out = new Map<string, Stateful>();
  for (const [name, callback] of statefulByName(callbacks)) out.set(`callback ${name}`, callback);
  for (const [name, metric] of Object.entries(metrics)) if (isStateful(metric)) out.set(`metric ${name}`, metric);
  if (isStateful(validation)) out.set("validation", validation);
  return out;
}

/** What a checkpoint of a run holds. */
export function contentOf<M extends Module, B>(
  model: M,
  settings: Settings<M, B>,
  state: TrainerState,
  loader: Loader<B>,
  validation: Loader<B> | undefined,
): CheckpointContent {
  const states = [...others(settings, validation)].map(([name, s]): [string, unknown] => [name, s.stateDict()]);
  const trainer = { ...state.progress(), others: Object.fromEntries(states) };
  return { ...partsOf(model, settings, loader), extra: { trainer } };
}

/** Goes on from a checkpoint. Everything is checked first; a callback that the checkpoint does not know begins anew. */
export function resumeFrom<M extends Module, B>(
  bytes: Uint8Array,
  model: M,
  settings: Settings<M, B>,
  state: TrainerState,
  loader: Loader<B>,
  validation: Loader<B> | undefined,
): void {
  const checkpoint = new Checkpoint(bytes);
  try {
    const trainer = fieldOf(checkpoint.extra, "trainer");
    if (trainer === undefined) {
      throw new CheckpointError("fit", "the checkpoint was not written by a Trainer; expected one of ModelCheckpoint");
    }
    const takeProgress = state.resumed(trainer);
    const within = Number(fieldOf(trainer, "batch")) > 0 && fieldOf(trainer, "exhausted") !== true;
    if (within && !isStateful(loader)) {
      throw new CheckpointError("fit", "the checkpoint lies within an epoch; expected a loader with loadStateDict");
    }
    const saved = fieldOf(trainer, "others");
    checkpoint.restore(partsOf(model, settings, loader), () => {
      const done: [Stateful, unknown][] = [];
      try {
        for (const [name, part] of others(settings, validation)) {
          const next = fieldOf(saved, name);
          if (next === undefined) continue;
          const before = part.stateDict();
          part.loadStateDict(next);
          done.push([part, before]);
        }
      } catch (error) {
        for (const [part, before] of done) part.loadStateDict(before);
        throw error;
      }
      takeProgress();
    });
  } finally {
    checkpoint.dispose();
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
