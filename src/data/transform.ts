import type { Generator } from "../random.js";

/** Makes another sample of a sample, with random numbers from the generator only. */
export type Transform<A, B = A> = (sample: A, generator: Generator) => B;
