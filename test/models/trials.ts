import { generativeTrials } from "./generative.js";
import { imageTrials } from "./images.js";
import { importedTrials } from "./imported.js";
import { sequenceTrials } from "./sequences.js";
import type { Trial } from "./trial.js";

/** All trials, under names of their own. */
export const TRIALS: readonly Trial[] = [...imageTrials, ...sequenceTrials, ...generativeTrials, ...importedTrials];
