// Cold starts: from nothing (a process, an isolate, a page) to the first logits of LeNet, for this library and for others.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { compile, init } from "quadlane";
import { modelInputs } from "../../bench/inputs.js";
import { lenet } from "../../bench/models.js";
import { build } from "../../bench/quadlane/modules.js";
import { toTensor } from "../../bench/quadlane/tensors.js";
import type { Engine } from "./engines.js";
import { firstLine, INSIDE, MADE, PEERS } from "./prepare.js";

export interface Participant {
  readonly name: string;
  /** Its script exports `first`, which is given what the engine knows of files and returns the logits. */
  readonly script: string;
  /** The file of the network that it may ask for. */
  readonly model: string;
  /** An add-on of compiled code, which only engines that are processes can load. */
  readonly native?: boolean;
}

/** The network: for those that read ONNX, and as a program. */
const MODEL = "lenet.onnx";
const PROGRAM = "lenet.qlp";

export const NOTHING: Participant = { name: "nothing", script: join(INSIDE, "cold-nothing.js"), model: MODEL };
export const OURS: Participant = { name: "quadlane", script: join(INSIDE, "cold.js"), model: PROGRAM };

const peer = (name: string): Participant => ({
  name,
  script: join(PEERS, "cold", `${name}.js`),
  model: MODEL,
  native: name === "onnxruntime-node",
});

export const PARTICIPANTS: readonly Participant[] = [
  NOTHING,
  OURS,
  ...["onnxruntime-node", "onnxruntime-web", "tfjs-wasm", "tfjs-cpu", "jax"].map(peer),
];

/** What one start came to. */
export interface First {
  readonly ms: number;
  readonly logits: readonly number[] | null;
}

export interface ColdStart {
  readonly participant: string;
  /** The median; null if it cannot run there. */
  readonly ms: number | null;
  /** Why it cannot. */
  readonly reason: string | null;
}

/** Writes the files of the network, and returns the logits that all must come to: this library's. */
export async function writeModels(): Promise<Float32Array> {
  const load = (file: string) => import(pathToFileURL(join(PEERS, file)).href);
  const [{ OnnxGraph }, { addModel }] = await Promise.all([load("onnx.js"), load("onnx-models.js")]);
  const graph = new OnnxGraph();
  const logits = addModel(graph, lenet, graph.input("x", [1, ...lenet.input]));
  mkdirSync(MADE, { recursive: true });
  writeFileSync(join(MADE, MODEL), graph.finish(logits, [1, 10]));
  // The binary that every engine runs.
  await init({ binary: "simd" });
  const image = toTensor(modelInputs(lenet, 1).x);
  const session = compile(build(lenet).eval(), image);
  writeFileSync(join(MADE, PROGRAM), session.toProgram({ input: image }));
  return session.run({ input: image }).output!.data() as Float32Array;
}

/** Starts each participant so many times, one after the other in turns, and tells the medians. */
export async function coldStarts(
  engine: Engine,
  participants: readonly Participant[],
  runs: number,
  expected: Float32Array,
): Promise<ColdStart[]> {
  const tracks = participants.map((participant) => ({
    participant,
    start: null as (() => Promise<First>) | null,
    times: [] as number[],
    reason: participant.native && !engine.native ? "a native add-on" : null,
  }));
  for (let run = 0; run < runs; run++) {
    for (const track of tracks) {
      if (track.reason !== null) continue;
      try {
        track.start ??= await engine.cold(track.participant);
        const { ms, logits } = await track.start();
        if (track.participant !== NOTHING) check(logits, expected);
        track.times.push(ms);
      } catch (error) {
        track.reason = firstLine(error);
      }
    }
  }
  return tracks.map(({ participant, times, reason }) => ({
    participant: participant.name,
    ms: reason === null ? median(times) : null,
    reason,
  }));
}

function check(logits: First["logits"], expected: Float32Array): void {
  const right = logits?.length === expected.length && expected.every((v, i) => Math.abs(v - logits[i]!) < 1e-4);
  if (!right) throw new Error(`the logits are ${logits}; expected ${expected}`);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
