// How a participant is started in each kind of engine.
import { join, relative } from "node:path";
import { type Maker, makePage, makeWorker, type Page } from "./bundlers.js";
import { type First, NOTHING, OURS, type Participant } from "./cold.js";
import { INSIDE, MADE, PEERS } from "./prepare.js";
import { Child } from "./subject.js";
import { configure, startWorker } from "./workerd.js";

const TFJS = join(PEERS, "node_modules/@tensorflow/tfjs-backend-wasm/dist/");

const KERNELS = ['import kernels from "quadlane/kernels.simd.wasm";'];

/** From the start of the process to the line that it prints. */
export async function processStart(command: readonly string[], { script, model }: Participant): Promise<First> {
  const start = performance.now();
  const child = new Child([...command, join(INSIDE, "cold-process.js"), script, join(MADE, model), TFJS]);
  try {
    const lines = child.lines();
    for (;;) {
      // Libraries say other things too.
      const line = await child.line(lines);
      if (line.startsWith('{"logits"')) return { ...JSON.parse(line), ms: performance.now() - start };
    }
  } finally {
    await child.stop();
  }
}

/** The script of a participant's page or Worker: `harness` is given its function. */
function scriptOf(participant: Participant, harness: string, imports: readonly string[], call: string): Page {
  const script = relative(join(MADE, "pages/x"), participant.script);
  return {
    name: `cold-${participant.name}`,
    script: [
      `import { first } from "${script}";`,
      `import { harness } from "../../inside/${harness}.js";`,
      ...(participant === OURS ? imports : ["const kernels = undefined;"]),
      call,
    ],
  };
}

/** Makes a participant's page; returns its folder. Other libraries are bundled where this one needs no bundler. */
export function makeColdPage(maker: Maker, participant: Participant): string {
  const own = participant === OURS || participant === NOTHING;
  const imports = maker === "esbuild" ? KERNELS : ["const kernels = undefined;"];
  return makePage(
    maker === "none" && !own ? "esbuild" : maker,
    scriptOf(participant, "cold-page", imports, `await harness(first, kernels, "${participant.model}");`),
  );
}

/** Makes a participant's Worker; a start is a process from its beginning to the answer. */
export function makeColdWorker(participant: Participant): () => Promise<First> {
  const call = `import model from "${participant.model}";\nexport default harness(first, kernels, model);`;
  const config = configure(makeWorker(scriptOf(participant, "cold-worker", KERNELS, call)), {
    binaries: participant === OURS ? ["simd"] : [],
    model: participant.model,
  });
  return async () => {
    const start = performance.now();
    const { child, address } = await startWorker(config);
    try {
      const response = await Promise.race([fetch(address), child.ended]);
      const { logits, error } = (await response.json()) as { logits: number[] | null; error?: string };
      if (error !== undefined) throw new Error(error);
      return { logits, ms: performance.now() - start };
    } finally {
      await child.stop();
    }
  };
}
