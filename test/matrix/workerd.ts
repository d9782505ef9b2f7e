// workerd, what Cloudflare Workers run on: a Worker over HTTP on loopback.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENGINES } from "./prepare.js";
import { type Answer, Child, Subject } from "./subject.js";

export const WORKERD = join(ENGINES, "node_modules/.bin/workerd");

/** Writes the configuration of the Worker in a folder; the kernels and a model are modules that it may import. */
export function configure(folder: string): string {
  const file = join(folder, "config.capnp");
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "quadlane/kernels.simd.wasm", wasm = embed "../../kernels.simd.wasm"),
    (name = "quadlane/kernels.relaxed.wasm", wasm = embed "../../kernels.relaxed.wasm"),
    (name = "lenet.onnx", data = embed "../../lenet.onnx"),
  ],
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
