import { ArgumentError } from "../errors.js";
import type { Session } from "../graph/session.js";
import { feedTensor } from "../graph/session_feeds.js";
import { scope } from "../scoping.js";
import type { Port, ServedModel } from "./model.js";

/**
 * A session as a model to serve. `inputs` tells what it takes, by its input names.
 * Errors: ArgumentError for inputs that are not those of the session.
 */
export function servedSession(session: Session, inputs: readonly Port[], batches?: boolean): ServedModel {
  const names = inputs.map(({ name }) => name);
  if (names.length !== session.inputNames.length || names.some((name) => !session.inputNames.includes(name))) {
    throw new ArgumentError(
      "servedSession",
      `inputs are ${names.join(", ")}; expected those of the session: ${session.inputNames.join(", ")}`,
    );
  }
  return {
    inputs,
    ...(batches !== undefined && { batches }),
    run: (feeds) =>
      scope(() => {
        const tensors = inputs.map(({ name, dtype }) => {
          const { data, shape } = feeds[name]!;
          return [name, feedTensor(data, shape, dtype)] as const;
        });
        const outputs = session.run(Object.fromEntries(tensors));
        return Object.fromEntries(
          Object.entries(outputs).map(([name, t]) => [name, { data: t.data(), shape: t.shape }]),
        );
      }),
  };
}
