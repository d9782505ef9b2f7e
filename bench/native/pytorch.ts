// PyTorch on one thread, in a process of its own that pytorch.py runs; PYTHON tells which Python has it.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as inputs from "../inputs.js";
import { type Job, serve, type Timing } from "../serve.js";
import type { Work } from "../works.js";

type Arrays = Readonly<Record<string, inputs.Values | inputs.Integers>>;

interface Answer extends Timing {
  readonly version: string;
  readonly reason?: string;
  /** Bytes of each array behind the answer. */
  readonly outputs: readonly number[];
}

/** What pytorch.py takes for a work: inputs by name, and weights under `weights.`. */
function arraysOf(work: Work): Arrays {
  switch (work.kind) {
    case "gemm":
      return { ...inputs.gemmInputs(work) };
    case "conv":
      return { ...inputs.convInputs(work) };
    case "recurrent":
      return withWeights(inputs.recurrentInputs(work));
    case "softmax":
    case "layernorm":
      return withWeights(inputs.rowsInputs(work));
    case "batchnorm":
      return withWeights(inputs.batchNormInputs(work));
    case "maxpool":
      return { ...inputs.maxPoolInputs(work) };
    case "attention":
      return { ...inputs.attentionInputs(work) };
    case "adam":
      return { ...inputs.adamInputs(work) };
    case "train":
    case "infer": {
      const { x, labels } = inputs.modelInputs(work.model, work.batch);
      const weights = inputs.modelWeights(work.model);
      return { labels: { shape: [labels.length], data: labels }, ...withWeights({ x, weights }) };
    }
    default:
      throw new Error(`cannot do ${work.kind}`);
  }
}

function withWeights({ x, weights }: { x: inputs.Values | inputs.Integers; weights: inputs.Weights }): Arrays {
  return { x, ...Object.fromEntries(Object.entries(weights).map(([name, values]) => [`weights.${name}`, values])) };
}

const script = fileURLToPath(new URL("../../../../bench/native/pytorch.py", import.meta.url));
const python = spawn(process.env.PYTHON ?? "/usr/bin/python3", [script], {
  stdio: ["pipe", "pipe", "inherit"],
  env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1", MKL_NUM_THREADS: "1" },
});
python.on("error", (error) => {
  console.error(`Error: ${error.message}`);
  process.exit(1);
});
python.on("exit", () => process.exit(1));

/** Bytes that have come and nobody has taken. */
let pending = Buffer.alloc(0);
const more = async (): Promise<void> => {
  const chunks: Buffer[] = [pending];
  chunks.push(await new Promise((resolve) => python.stdout.once("data", resolve)));
  pending = Buffer.concat(chunks);
};

async function take(bytes: number): Promise<Buffer> {
  while (pending.length < bytes) await more();
  const taken = pending.subarray(0, bytes);
  pending = pending.subarray(bytes);
  return taken;
}

async function takeLine(): Promise<string> {
  while (!pending.includes("\n")) await more();
  return (await take(pending.indexOf("\n") + 1)).toString("utf8");
}

async function answer(): Promise<Answer & { arrays: Float32Array[] }> {
  const reply: Answer = JSON.parse(await takeLine());
  const arrays: Float32Array[] = [];
  for (const bytes of reply.outputs) arrays.push(new Float32Array(Uint8Array.from(await take(bytes)).buffer));
  if (reply.reason !== undefined) throw new Error(reply.reason);
  return { ...reply, arrays };
}

function ask(request: object, arrays: Arrays = {}): ReturnType<typeof answer> {
  const specs = Object.entries(arrays).map(([name, { shape, data }]) => {
    return { name, shape, bytes: data.byteLength, dtype: data instanceof Int32Array ? "<i4" : "<f4" };
  });
  python.stdin.write(`${JSON.stringify({ ...request, arrays: specs })}\n`);
  for (const { data } of Object.values(arrays)) {
    python.stdin.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return answer();
}

const { version } = await answer();

serve({
  about: `${version}, 1 thread`,
  async prepare(work): Promise<Job> {
    const { arrays } = await ask({ type: "prepare", work }, arraysOf(work));
    const time = async (ms: number, warmMs: number): Promise<Timing> => ask({ type: "time", ms, warmMs });
    return { outputs: () => arrays, run: () => time(0, 0), time };
  },
});
