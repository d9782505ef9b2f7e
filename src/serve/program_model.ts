import { ArgumentError, RuntimeError } from "../errors.js";
import type { Program } from "../program/index.js";
import type { ServedModel } from "./model.js";

/**
 * A program as a model to serve. If all of its inputs and outputs have the same first size above 1, that is the size of its batches; else it
 * takes requests of its shapes, one at a time.
 */
export function servedProgram(program: Program): ServedModel {
  const { inputs, outputs } = program;
  const [rows = 1] = inputs[0]?.shape ?? [];
  const together = rows > 1 && [...inputs, ...outputs].every(({ shape }) => shape[0] === rows);
  return {
    inputs: inputs.map((input) => (together ? { ...input, shape: [null, ...input.shape.slice(1)] } : input)),
    batches: together && rows,
    run: (feeds) => {
      const arrays = Object.entries(feeds).map(([name, { data }]) => [name, data] as const);
      try {
        const made = program.run(Object.fromEntries(arrays));
        return Object.fromEntries(outputs.map(({ name, shape }) => [name, { data: made[name]!, shape }]));
      } catch (error) {
        // Its way is fixed: if it cannot go on, the values are to blame.
        throw error instanceof RuntimeError ? new ArgumentError("ModelPool", error.message) : error;
      }
    },
  };
}
