// Samples of ops as modules, for what works on graphs.
import { expect } from "vitest";
import { noGrad, type Tensor, tensor } from "../../src/node.js";
import { Fn } from "./graphs.js";
import { dtypeOf, generatorOf, seedOf, tensorOf, valuesOf } from "./make.js";
import type { OpCase, Sample } from "./op-case.js";
import { loadRows } from "./rows.js";

export interface SampleCase {
  readonly row: OpCase<never>;
  readonly sample: Sample<never>;
  readonly name: string;
}

/** Every sample that has an input. */
export async function sampleCases(): Promise<SampleCase[]> {
  return (await loadRows()).flatMap((row) =>
    row.samples
      .filter((sample) => sample.inputs.some((spec) => spec !== null))
      .map((sample) => ({ row, sample, name: `${row.name}: ${sample.name}` })),
  );
}

/** The inputs of a sample, and the same values in another order. */
export function inputsOf(row: OpCase<never>, sample: Sample<never>): [Tensor[], Tensor[]] {
  const random = generatorOf(seedOf(`${row.name}/${sample.name}`));
  const first = sample.inputs.flatMap((spec) =>
    spec === null ? [] : [tensorOf(valuesOf(spec, random), dtypeOf(spec))],
  );
  const second = first.map((t) => tensor(t.data().toReversed(), { shape: t.shape, dtype: t.dtype }));
  return [first, second];
}

/** The module of a sample's call: its inputs are those that are there. */
export function moduleOf(row: OpCase<never>, sample: Sample<never>): Fn {
  return new Fn((...given) => {
    const left = [...given];
    const all = sample.inputs.map((spec) => (spec === null ? null : left.shift()!));
    return row.run(all, sample.options as never);
  });
}

/** Results by name. */
export type Values = Readonly<Record<string, ArrayLike<number>>>;

/** What the module itself computes. */
export function eager(model: Fn, inputs: readonly Tensor[]): (readonly number[])[] {
  return noGrad(() => {
    const result = model.forward(...inputs) as Tensor | readonly Tensor[];
    return (Array.isArray(result) ? result : [result]).map((t: Tensor) => Array.from(t.data()));
  });
}

/** Equal but for rounding; NaN and infinities are the same. */
export function expectNear(got: Values, want: Values): void {
  expect(Object.keys(got)).toEqual(Object.keys(want));
  for (const [name, values] of Object.entries(want)) {
    const wrong = Array.from(got[name]!).findIndex((v, i) => {
      const w = values[i]!;
      return !Object.is(v, w) && !(Math.abs(v - w) <= 1e-5 + 1e-4 * Math.abs(w));
    });
    expect(wrong < 0 ? "alike" : `${name}[${wrong}] is ${got[name]![wrong]}; expected ${values[wrong]}`).toBe("alike");
  }
}
