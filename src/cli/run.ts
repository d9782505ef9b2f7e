// `quadlane run` and `quadlane bench`.
import { compile, init, runtime, type Session, setBackend, type Tensor } from "../node.js";
import { type FeedOptions, feedsFor, usage } from "./feeds.js";
import { loadModel, statistics, writeWeights } from "./files.js";

interface WayOptions extends FeedOptions {
  readonly backend: "wasm" | "js";
  readonly threads: number;
  readonly memory: "fast" | "least";
}

export interface RunOptions extends WayOptions {
  /** A .npz or .safetensors file for the outputs. */
  readonly output?: string;
}

export interface BenchOptions extends WayOptions {
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
export async function prepared(path: string, options: WayOptions): Promise<Prepared> {
  if (options.backend === "js") {
    if (options.threads > 1) throw usage(`--threads ${options.threads} is for the wasm kernels; js runs on one`);
    setBackend("js");
  } else if (options.threads > 1) await init(undefined, { threads: options.threads });
  const model = loadModel(path);
  const feeds = feedsFor(model, options);
  const session = compile(model, Object.values(feeds), {
    inputNames: model.inputs.map(({ name }) => name),
    outputNames: model.outputs.map(({ name }) => name),
    memory: options.memory,
  });
  return { session, feeds };
}
