// workerd, what Cloudflare Workers run on: a Worker over HTTP on loopback.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENGINES } from "./prepare.js";
import { type Answer, Child, Subject } from "./subject.js";

export const WORKERD = join(ENGINES, "node_modules/.bin/workerd");

/** What a Worker may import beside its script. */
export interface Modules {
  readonly binaries: readonly string[];
  /** The file of a model. */
  readonly model?: string;
}

/** Writes the configuration of the Worker in a folder. */
export function configure(folder: string, { binaries, model }: Modules): string {
  const file = join(folder, "config.capnp");
  const modules = [
    '(name = "worker.js", esModule = embed "worker.js")',
    ...binaries.map((name) => `(name = "quadlane/kernels.${name}.wasm", wasm = embed "../../kernels.${name}.wasm")`),
    ...(model === undefined ? [] : [`(name = "${model}", data = embed "../../${model}")`]),
  ];
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [${modules.join(", ")}],
  compatibilityDate = "2026-11-01",
);
`,
  );
  return file;
}

/** Starts a process with one Worker; `address` is where it listens. */
export async function startWorker(config: string): Promise<{ child: Child; address: string }> {
  const child = new Child([WORKERD, "serve", config, "--control-fd=1"]);
  const lines = child.lines();
  for (;;) {
    const { event, port } = JSON.parse(await child.line(lines)) as { event: string; port?: number };
    if (event === "listen") return { child, address: `http://127.0.0.1:${port}/` };
  }
}

/** The subject in a Worker: one call, one request. */
export async function workerSubject(config: string): Promise<Subject> {
  const { child, address } = await startWorker(config);
  return new Subject(
    async (call) => {
      const request = fetch(address, { method: "POST", body: JSON.stringify(call) });
      const response = await Promise.race([request, child.ended]);
      if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
      return (await response.json()) as Answer;
    },
    () => child.stop(),
  );
}
