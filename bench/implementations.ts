// Who takes part: the programs and how they are started.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Program } from "./child.js";
import type { Variant } from "./works.js";

export interface Participant extends Program {
  readonly name: string;
  readonly threads: number;
  /** The script for works that are measured in a fresh process, where it is another one. */
  readonly fresh?: string;
}

const root = new URL("../../../", import.meta.url);
const peersDir = fileURLToPath(new URL("bench/peers/", root));

function own(name: string, script: string, ...args: string[]): Participant {
  return { name, script: fileURLToPath(new URL(script, import.meta.url)), args, threads: 1 };
}

function variant(name: Variant, threads: number, script: string, ...args: string[]): Participant {
  return { ...own(name, script, ...args), threads };
}

function peer(name: string, script: string, ...args: string[]): Participant {
  return { name, script: fileURLToPath(new URL(`bench/peers/${script}`, root)), args, threads: 1 };
}

/** Measures the work `ceiling`, and nothing else. */
export const ceiling = own("ceiling", "ceiling.js");

/** Its outputs are what all others are compared with: it sums in float64. */
export const reference: Participant = { ...own("quadlane-js", "quadlane.js", "js"), deadline: 900_000 };

/** What the ratios are about. */
export const subject: Participant = {
  ...own("quadlane-wasm", "quadlane.js", "wasm"),
  fresh: own("", "program.js").script,
};

/** Other ways to run this library, and what the report says of them. */
export const VARIANTS: Readonly<Record<Variant, string>> = {
  "quadlane-kernels":
    "the kernel calls of the same run, repeated with nothing around them. 1.25 times as fast says that the run costs 1.25 times its " +
    "kernels, and spends a fifth of its time outside of them.",
  "quadlane-eager": "the model op by op, without a session.",
  "quadlane-wasm-2t": "two threads.",
  "quadlane-wide": "256-bit vectors.",
  "quadlane-session":
    "the whole library: the model is built, traced and compiled, where quadlane-wasm loads a program made before.",
};

/** They take part in the works that name them, or where they are asked for. */
export const variants: readonly Participant[] = [
  variant("quadlane-kernels", 1, "kernels.js"),
  variant("quadlane-eager", 1, "quadlane.js", "eager"),
  variant("quadlane-wasm-2t", 2, "quadlane.js", "2t"),
  variant("quadlane-wide", 1, "quadlane.js", "wide"),
  variant("quadlane-session", 1, "quadlane.js", "session"),
];

/** Libraries outside of JavaScript. */
export const natives: readonly Participant[] = [own("pytorch", "native/pytorch.js")];

export const peers: readonly Participant[] = [
  peer("tfjs-wasm", "tfjs.js", "wasm"),
  peer("tfjs-cpu", "tfjs.js", "cpu"),
  peer("onnxruntime-web", "onnxruntime.js", "web"),
  peer("onnxruntime-node", "onnxruntime.js", "node"),
  peer("jax-js", "jax.js"),
];

/** Installs the peers if they are not there yet. Returns what went wrong, or null. */
export function installPeers(): string | null {
  const wanted = Object.keys(JSON.parse(readFileSync(`${peersDir}package.json`, "utf8")).dependencies);
  if (wanted.every((name) => existsSync(`${peersDir}node_modules/${name}`))) return null;
  // No install scripts: onnxruntime-node's would download a GPU library.
  const { status, error } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: peersDir,
    stdio: ["ignore", 2, 2],
  });
  if (status === 0) return null;
  return `npm ci in bench/peers failed${error ? `: ${error.message}` : ` with code ${status}`}`;
}
