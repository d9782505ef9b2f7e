// A trial is a model's small version that learns for one epoch, and the bound that it must reach.

/** How a trial is run. */
export interface Form {
  /** A run of a few seconds, with a bound of its own. */
  readonly short: boolean;
  /** A folder of data sets, each in a folder of its own. What is not in it is generated. */
  readonly data: string;
}

/** What a trial has reached. */
export interface Outcome {
  /** What `value` is: "accuracy". */
  readonly measure: string;
  readonly value: number;
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
  /** Loss of each step, which must fall from each quarter to the next. Empty where no loss is expected to fall. */
  readonly losses: readonly number[];
}

export interface Trial {
  readonly name: string;
  /** Whether it is part of the short form. */
  readonly short: boolean;
  /** Files and folders without which it cannot run. Default: none. */
  needs?(form: Form): readonly string[];
  run(form: Form): Outcome;
}

/** Mean losses of the quarters of a training. */
export function quarters(losses: readonly number[]): number[] {
  if (losses.length === 0) return [];
  return [0, 1, 2, 3].map((q) => {
    const part = losses.slice(Math.round((q * losses.length) / 4), Math.round(((q + 1) * losses.length) / 4));
    return part.reduce((sum, loss) => sum + loss, 0) / part.length;
  });
}

/** What is wrong with an outcome; empty if nothing is. A value or loss that is no number is always wrong. */
export function problems({ measure, value, bound, losses }: Outcome): string[] {
  const found: string[] = [];
  if ("atLeast" in bound) {
    if (!(value >= bound.atLeast)) found.push(`${measure} SHOULD BE AT LEAST ${bound.atLeast}`);
  } else if (!(value <= bound.atMost)) found.push(`${measure} SHOULD BE AT MOST ${bound.atMost}`);
  if (quarters(losses).some((loss, q, all) => q > 0 && !(loss < all[q - 1]!))) {
    found.push("LOSS DOES NOT FALL AT EVERY QUARTER");
  }
  return found;
}
