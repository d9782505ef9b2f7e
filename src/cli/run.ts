// `quadlane run` and `quadlane bench`.
import {
  ArgumentError,
  compile,
  Generator,
  init,
  type onnx,
  randn,
  runtime,
  type Session,
  type Shape,
  setBackend,
  type Tensor,
  zeros,
} from "../node.js";
import { loadModel, readArray, statistics, writeWeights } from "./files.js";
import { signature } from "./info.js";

export interface FeedOptions {
  /** name=FILE.npy */
  readonly input?: readonly string[];
  /** name=1x3x224x224: random values of that shape. */
  readonly shape?: readonly string[];
  /** Seed of the random values. */
  readonly seed: number;
  readonly backend: "wasm" | "js";
  readonly threads: number;
}

export interface RunOptions extends FeedOptions {
  /** A .npz or .safetensors file for the outputs. */
  readonly output?: string;
}

export interface BenchOptions extends FeedOptions {
  /** Milliseconds to run for. */
  readonly time: number;
  /** Also print the time of every op. */
  readonly profile?: boolean;
}

/** Runs a model once and tells its outputs. */
export async function run(path: string, options: RunOptions): Promise<string> {
  const { session, feeds } = await prepared(path, options);
  const outputs = session.run(feeds);
  const lines = Object.entries(outputs).map(
    ([name, t]) => `${name}: ${t.dtype} [${t.shape.join(", ")}] ${statistics(t.data())}${largest(t)}`,
  );
  if (options.output !== undefined) {
    writeWeights(options.output, { tensors: new Map(Object.entries(outputs)), metadata: {} }, "F32");
    lines.push(`written to ${options.output}`);
  }
  return lines.join("\n");
}

/** For scores of classes: the best of them. */
function largest(t: Tensor): string {
  if (t.dtype !== "float32" || t.numel < 2 || t.shape.slice(0, -1).some((n) => n !== 1)) return "";
  const scores = Array.from(t.data(), (v, i) => [v, i] as const).sort(([a], [b]) => b - a);
  return `; largest at ${scores
    .slice(0, 5)
    .map(([v, i]) => `${i} (${v.toPrecision(4)})`)
    .join(", ")}`;
}

/** Runs a model for some time and tells how fast it is. */
export async function bench(path: string, options: BenchOptions): Promise<string> {
  const begin = performance.now();
  const { session, feeds } = await prepared(path, options);
  const ready = performance.now();
  session.runInto(feeds, {});
  const first = performance.now() - ready;
  const times: number[] = [];
  for (const end = performance.now() + options.time; performance.now() < end || times.length < 3; ) {
    const start = performance.now();
    session.runInto(feeds, {});
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (q: number): string => times[Math.floor(q * (times.length - 1))]!.toFixed(3);
  const { slabBytes, weightBytes, packedBytes } = session.memory();
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const { backend, binary, threads } = runtime();
  const lines = [
    `${backend}${binary === null ? "" : `, ${binary} binary`}, ${threads} thread${threads === 1 ? "" : "s"}`,
    `load and compile ${(ready - begin).toFixed(1)} ms, first run ${first.toFixed(1)} ms`,
    `${times.length} runs: median ${at(0.5)} ms, fastest ${at(0)}, 95 % below ${at(0.95)}`,
    `memory: weights ${mb(weightBytes)}, kept forms of them ${mb(packedBytes)}, between the ops ${mb(slabBytes)}`,
  ];
  if (options.profile) lines.push(String(session.profile(feeds)));
  return lines.join("\n");
}

interface Prepared {
  readonly session: Session;
  readonly feeds: Record<string, Tensor>;
}

/** A model from a file, compiled, and values for its inputs. */
export async function prepared(path: string, options: FeedOptions): Promise<Prepared> {
  if (options.backend === "js") {
    if (options.threads > 1) throw usage(`--threads ${options.threads} is for the wasm kernels; js runs on one`);
    setBackend("js");
  } else if (options.threads > 1) await init(undefined, { threads: options.threads });
  const model = loadModel(path);
  const feeds = feedsFor(model, options);
  const session = compile(model, Object.values(feeds), {
    inputNames: model.inputs.map(({ name }) => name),
    outputNames: model.outputs.map(({ name }) => name),
  });
  return { session, feeds };
}

/** A value for each input: from a file, or random. */
function feedsFor(model: onnx.OnnxModel, options: FeedOptions): Record<string, Tensor> {
  const files = assignments("--input", options.input ?? [], model);
  const shapes = assignments("--shape", options.shape ?? [], model);
  const generator = new Generator(options.seed);
  return Object.fromEntries(
    model.inputs.map((input) => {
      const { name } = input;
      const file = files.get(name);
      if (file !== undefined && shapes.has(name)) throw usage(`input "${name}" has both --input and --shape`);
      if (file !== undefined) return [name, readArray(file)];
      const shape = shapeOf(input, shapes.get(name));
      const floats = ["float32", "float64", "float16", "bfloat16"].includes(input.elem);
      if (floats) return [name, randn(shape, { generator })];
      return [name, zeros(shape, { dtype: input.elem === "bool" ? "bool" : "int32" })];
    }),
  );
}

/** `name=value` for inputs of the model; the name may be left out if there is one input. */
function assignments(flag: string, given: readonly string[], model: onnx.OnnxModel): Map<string, string> {
  const names = model.inputs.map(({ name }) => name);
  const found = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf("=");
    const name = at < 0 && names.length === 1 ? names[0]! : text.slice(0, Math.max(at, 0));
    if (!names.includes(name)) {
      throw usage(
        `${flag} ${text} names no input; expected name=… with one of ${model.inputs.map(signature).join(", ")}`,
      );
    }
    if (found.has(name)) throw usage(`${flag} is given twice for "${name}"`);
    found.set(name, text.slice(at + 1));
  }
  return found;
}

function shapeOf(input: onnx.ValueInfo, given: string | undefined): Shape {
  if (given !== undefined) {
    const sizes = given.split("x").map(Number);
    if (given === "" || sizes.some((n) => !Number.isInteger(n) || n < 0)) {
      throw usage(`--shape ${input.name}=${given} is no shape; expected sizes such as 1x3x224x224`);
    }
    return sizes;
  }
  const open = input.shape === null || input.shape.slice(1).some((n) => typeof n !== "number");
  if (open)
    throw usage(
      `input ${signature(input)} has no fixed shape; expected --shape ${input.name}=… or --input ${input.name}=…`,
    );
  // A batch that is left open is one.
  return input.shape!.map((n) => (typeof n === "number" ? n : 1));
}

function usage(message: string): ArgumentError {
  return new ArgumentError("quadlane", message);
}
