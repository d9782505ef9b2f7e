// What a row of data says of an op, checked without a test framework: the tests call it, and so does every engine of the runtime matrix.
import { getBackend, memory, QuadlaneError, scope, setBackend, type Tensor } from "../../src/node.js";
import { expectClose } from "./compare.js";
import { dtypeOf, generatorOf, type LayoutKind, seedOf, tensorOf, valuesOf, wantsGrad } from "./make.js";
import type { Nd } from "./nd.js";
import type { ErrorSample, OpCase, Sample } from "./op-case.js";

const BACKENDS = ["js", "wasm"] as const;
const LAYOUTS: readonly LayoutKind[] = ["contiguous", "permuted", "offset"];

/** Elements per input whose derivative is checked; a larger input is sampled. */
const MAX_DERIVATIVES = 48;

/** Step of the central differences; the oracle is float64, so truncation and rounding meet near the cube root of its epsilon. */
const STEP = 1e-5;

type Maybe<T> = T | null;

/** Everything known about one sample before the library runs. */
interface Expectation {
  readonly inputs: readonly Maybe<Nd>[];
  readonly outputs: readonly Nd[];
  /** Upstream gradients, null for outputs that have none. */
  readonly upstream: readonly Maybe<Nd>[];
  /** For each input the checked positions and the derivative there; null if it is not differentiated. */
  readonly derivatives: readonly Maybe<{ at: readonly number[]; value: readonly number[] }>[];
}

const list = <T extends object>(x: T | readonly T[]): readonly T[] => (Array.isArray(x) ? x : [x as T]);

function expectation(row: OpCase<never>, sample: Sample<never>): Expectation {
  const random = generatorOf(seedOf(`${row.name}/${sample.name}`));
  const inputs = sample.inputs.map((spec) => spec && valuesOf(spec, random));
  const options = sample.options as never;
  const outputs = list(row.oracle(inputs, options));
  const upstream = outputs.map((o) => (sample.forwardOnly ? null : o.map(() => Math.fround(2 * random() - 1))));
  const loss = (): number => {
    let sum = 0;
    list(row.oracle(inputs, options)).forEach((o, k) => {
      const g = upstream[k];
      if (g) for (let i = 0; i < o.data.length; i++) sum += o.data[i]! * g.data[i]!;
    });
    return sum;
  };
  const derivatives = inputs.map((x, k) => {
    if (sample.forwardOnly || x === null || !wantsGrad(sample.inputs[k]!)) return null;
    const n = x.data.length;
    const at =
      n <= MAX_DERIVATIVES
        ? [...x.data.keys()]
        : Array.from({ length: MAX_DERIVATIVES }, () => Math.floor(random() * n));
    const value = at.map((i) => {
      const v = x.data[i]!;
      x.data[i] = v + STEP;
      const above = loss();
      x.data[i] = v - STEP;
      const below = loss();
      x.data[i] = v;
      return (above - below) / (2 * STEP);
    });
    return { at, value };
  });
  return { inputs, outputs, upstream, derivatives };
}

interface Result {
  readonly outputs: readonly Float64Array[];
  readonly gradients: readonly Maybe<Float64Array>[];
}

/** Runs one sample on the present back end and compares it with the oracle. */
function runSample(row: OpCase<never>, sample: Sample<never>, expected: Expectation, layout: LayoutKind): Result {
  const liveBefore = memory().liveBlocks;
  const tensors = expected.inputs.map((x, k) => {
    if (x === null) return null;
    const spec = sample.inputs[k]!;
    const t = tensorOf(x, dtypeOf(spec), layout);
    if (!sample.forwardOnly && wantsGrad(spec)) t.requiresGrad_();
    return t;
  });
  const what = `${row.name}/${sample.name} on ${getBackend()}, ${layout}`;
  const result = scope(() => {
    const outs = list(row.run(tensors, sample.options as never));
    expectSame(`${what}: number of outputs`, outs.length, expected.outputs.length);
    outs.forEach((o, k) => {
      expectClose(`${what}: output ${k}`, o, expected.outputs[k]!, { rtol: row.rtol ?? 1e-5, atol: row.atol ?? 1e-5 });
    });
    backward(outs, expected.upstream);
    return { outputs: outs.map((o) => Float64Array.from(o.data())) };
  });
  const gradients = tensors.map((t, k) => {
    const want = expected.derivatives[k];
    if (t === null || !want) return null;
    const got = t.grad;
    if (got === null) throw new Error(`${what}: input ${k} got no gradient`);
    expectSame(`${what}: shape of the gradient of input ${k}`, got.shape.join(), t.shape.join());
    const picked = Float64Array.from(got.data());
    const { gradRtol = 1e-3, gradAtol = 1e-4 } = row;
    want.at.forEach((i, j) => {
      const w = want.value[j]!;
      const g = picked[i]!;
      if (!(Math.abs(g - w) <= gradAtol + gradRtol * Math.abs(w))) {
        throw new Error(`${what}: gradient of input ${k} at ${i} is ${g}; expected ${w}`);
      }
    });
    return picked;
  });
  for (const t of tensors) t?.dispose();
  expectSame(`${what}: live blocks afterwards`, memory().liveBlocks, liveBefore);
  return { ...result, gradients };
}

/** One backward over all differentiable outputs at once: Σ Σ out·upstream. */
function backward(outs: readonly Tensor[], upstream: readonly Maybe<Nd>[]): void {
  let total: Tensor | null = null;
  outs.forEach((o, k) => {
    const g = upstream[k];
    if (!g || !o.requiresGrad) return;
    const weights = tensorOf(g, "float32");
    const weighted = o.mul(weights).sum();
    weights.dispose();
    total = total === null ? weighted : (total as Tensor).add(weighted);
  });
  (total as Tensor | null)?.backward();
}

/** Throws unless a sample agrees with float64 on both back ends and in every layout, frees all it took, and the back ends agree. */
export function checkSample(row: OpCase<never>, sample: Sample<never>): void {
  const expected = expectation(row, sample);
  for (const layout of LAYOUTS) {
    const [js, wasm] = BACKENDS.map((backend) => {
      setBackend(backend);
      return runSample(row, sample, expected, layout);
    });
    compareBackends(`${row.name}/${sample.name}`, js!, wasm!, row);
  }
}

/** Throws unless a call is refused on both back ends with the words that it should be, and before anything is allocated. */
export function checkRefusal(row: OpCase<never>, sample: ErrorSample<never>): void {
  const random = generatorOf(seedOf(`${row.name}/${sample.name}`));
  const tensors = sample.inputs.map((spec) => spec && tensorOf(valuesOf(spec, random), dtypeOf(spec)));
  for (const backend of BACKENDS) {
    setBackend(backend);
    const before = memory().liveBlocks;
    const error = scope(() => {
      try {
        row.run(tensors, sample.options as never);
        return null;
      } catch (e) {
        return e;
      }
    });
    const what = `${row.name}/${sample.name} on ${backend}`;
    if (!(error instanceof QuadlaneError)) {
      throw new Error(`${what}: ${error === null ? "nothing" : String(error)} is thrown; expected a QuadlaneError`);
    }
    for (const part of sample.message) {
      if (!error.message.includes(part)) throw new Error(`${what}: the message "${error.message}" lacks "${part}"`);
    }
    expectSame(`${what}: live blocks afterwards`, memory().liveBlocks, before);
  }
  for (const t of tensors) t?.dispose();
}

function expectSame<T extends string | number>(what: string, got: T, want: T): void {
  if (got !== want) throw new Error(`${what}: ${got}; expected ${want}`);
}

/** The back ends may differ by rounding, no more than the tolerance against the oracle allows once. */
function compareBackends(what: string, js: Result, wasm: Result, row: OpCase<never>): void {
  js.outputs.forEach((a, k) => {
    compareArrays(`${what}: output ${k}, wasm against js`, wasm.outputs[k]!, a, row.rtol ?? 1e-5, row.atol ?? 1e-5);
  });
  js.gradients.forEach((a, k) => {
    const b = wasm.gradients[k];
    if (a && b)
      compareArrays(`${what}: gradient ${k}, wasm against js`, b, a, row.gradRtol ?? 1e-3, row.gradAtol ?? 1e-4);
  });
}

function compareArrays(what: string, got: Float64Array, want: Float64Array, rtol: number, atol: number): void {
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i]!, want[i]!];
    if (Object.is(g, w) || g === w || (Number.isNaN(g) && Number.isNaN(w))) continue;
    if (!(Math.abs(g - w) <= atol + rtol * Math.abs(w))) throw new Error(`${what}: element ${i} is ${g}; js has ${w}`);
  }
}
