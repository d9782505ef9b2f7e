// What a file of fingerprints holds (see ../shared/models/README.md), and how a model is held to one.
import { readFileSync } from "node:fs";
import { models, type nn, noGrad, tensor } from "quadlane";
import { fillByFormula, uniform } from "../conformance/formula.js";

export interface Fingerprint {
  readonly name: string;
  readonly parameters: number;
  /** Shapes by state-dict key, in order. */
  readonly keys: Readonly<Record<string, readonly number[]>>;
  readonly input: readonly number[];
  /** The first values of the output. */
  readonly logits: readonly number[];
  readonly argmax: number;
  readonly absMax: number;
}

/** A logit may be off by this much of the largest one. */
const TOLERANCE = 2e-4;

/** Errors: a file that is no list of fingerprints. */
export function readFingerprints(path: string): readonly Fingerprint[] {
  const found: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (!Array.isArray(found) || !found.every(isFingerprint)) throw new Error(`${path} is no list of fingerprints`);
  return found;
}

function isFingerprint(value: unknown): value is Fingerprint {
  if (typeof value !== "object" || value === null) return false;
  const f = value as Record<string, unknown>;
  const numbers = (v: unknown): boolean => Array.isArray(v) && v.every((n) => typeof n === "number");
  return (
    typeof f.name === "string" &&
    [f.parameters, f.argmax, f.absMax].every((n) => typeof n === "number") &&
    [f.input, f.logits].every(numbers) &&
    typeof f.keys === "object" &&
    f.keys !== null &&
    Object.values(f.keys).every(numbers)
  );
}

/** What is wrong with the model of that name; null if it matches. */
export function mismatch(wanted: Fingerprint): string | null {
  let model: nn.Layer;
  try {
    model = models.create(wanted.name);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  try {
    model.eval();
    const parameters = [...model.parameters()].reduce((n, p) => n + p.numel, 0);
    const state = model.stateDict();
    const difference = keysDiffer(
      [...state].map(([key, t]) => [key, t.shape] as const),
      Object.entries(wanted.keys),
    );
    if (difference !== null) return difference;
    if (parameters !== wanted.parameters) return `${parameters} parameters; expected ${wanted.parameters}`;
    for (const [key, t] of state) fillByFormula(key, t);
    const u = uniform("input");
    const input = Float32Array.from({ length: wanted.input.reduce((p, n) => p * n, 1) }, (_, i) => u(i));
    const x = tensor(input, { shape: wanted.input });
    const y = noGrad(() => model.forward(x).data().slice());
    x.dispose();
    return outputDiffers(y, wanted);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    model.dispose();
  }
}

type Entry = readonly [key: string, shape: readonly number[]];

function keysDiffer(got: readonly Entry[], wanted: readonly Entry[]): string | null {
  const shown = (e: Entry | undefined): string => (e === undefined ? "nothing" : `${e[0]} [${e[1].join(", ")}]`);
  for (let i = 0; i < Math.max(got.length, wanted.length); i++) {
    if (shown(got[i]) !== shown(wanted[i])) return `key ${i} is ${shown(got[i])}; expected ${shown(wanted[i])}`;
  }
  return null;
}

function outputDiffers(y: ArrayLike<number>, { logits, argmax, absMax }: Fingerprint): string | null {
  let best = 0;
  for (let i = 1; i < y.length; i++) if (y[i]! > y[best]!) best = i;
  if (best !== argmax) return `argmax is ${best}; expected ${argmax}`;
  const off = logits.map((want, i) => Math.abs(want - y[i]!) / absMax);
  // A NaN is worse than any number.
  const worst = off.findIndex((e) => !(e <= TOLERANCE));
  if (worst < 0) return null;
  return `logit ${worst} is ${y[worst]}; expected ${logits[worst]} within ${TOLERANCE} · ${absMax}`;
}
