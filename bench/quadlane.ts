// The implementation of this library (argument: js, wasm, or a way to run wasm: 2t with two threads, wide with 256-bit vectors, eager with
// models op by op, session as wasm).
import { readFileSync } from "node:fs";
import { type InitOptions, init, runtime, setBackend } from "quadlane";
import { prepare, prepareEagerly } from "./quadlane/prepare.js";
import { serve } from "./serve.js";

const OPTIONS: Readonly<Record<string, InitOptions & { readonly threads?: number; readonly wideVectors?: boolean }>> = {
  "2t": { threads: 2 },
  wide: { wideVectors: true },
};

const mode = process.argv[2] ?? "wasm";
if (mode === "js") setBackend("js");
const options = OPTIONS[mode];
const { binary, threads } = options === undefined ? runtime() : await init(undefined, options);
const wanted = options?.threads ?? 1;
if (threads !== wanted) throw new Error(`runs on ${threads} threads; expected ${wanted}`);

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
const notes = [
  ...(threads > 1 ? [`${threads} threads`] : []),
  ...(mode === "wide" ? ["wide vectors"] : []),
  ...(mode === "eager" ? ["op by op"] : []),
];

serve({
  about: [version, mode === "js" ? "plain JavaScript" : `${binary} binary`, ...notes].join(", "),
  prepare: mode === "eager" ? prepareEagerly : prepare,
});
