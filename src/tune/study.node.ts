import { JsonlStorage } from "./jsonl.node.js";
import type { SearchSpace } from "./space.js";
import type { StudyStorage } from "./storage.js";
import {
  type SearchOptions as NeutralOptions,
  type Objective,
  type StudyResult,
  search as searchWith,
} from "./study.js";

export interface SearchOptions<S extends SearchSpace> extends Omit<NeutralOptions<S>, "log"> {
  /** Keeps every finished trial: a storage, or the path of a JSONL file. Default: none. */
  readonly log?: StudyStorage | string;
}

/** As the `search` of other platforms; its log may also be the path of a file. */
export function search<const S extends SearchSpace>(
  objective: Objective<S>,
  options: SearchOptions<S>,
): Promise<StudyResult<S>> {
  const log = options?.log;
  if (typeof log !== "string") return searchWith(objective, options as NeutralOptions<S>);
  return searchWith(objective, { ...options, log: new JsonlStorage(log) });
}
