// The server: node server.js [--model lenet|squeezenet|FILE] [--port 3000] [--workers N] …
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ModelPool } from "quadlane/serve";
import { buildApp } from "./app.js";

/** Starts the pool and the server; SIGTERM and SIGINT end it after the last answer. */
export async function start(args) {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: "string", default: "lenet" },
      // A module that makes the model, in place of Quadlane's own session; it is given the path of the file.
      worker: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "3000" },
      workers: { type: "string" },
      "max-batch": { type: "string", default: "8" },
      "max-wait": { type: "string", default: "2" },
      "max-queue": { type: "string", default: "1024" },
      timeout: { type: "string", default: "10000" },
      wide: { type: "boolean", default: false },
      log: { type: "boolean", default: false },
    },
  });
  const source =
    values.worker === undefined
      ? { model: await modelOf(values.model), ...(values.wide && { kernels: { wideVectors: true } }) }
      : { worker: pathToFileURL(values.worker), workerOptions: { model: values.model } };
  const pool = await ModelPool.start({
    ...source,
    ...(values.workers !== undefined && { workers: Number(values.workers) }),
    maxBatch: Number(values["max-batch"]),
    maxWaitMs: Number(values["max-wait"]),
    maxQueue: Number(values["max-queue"]),
    queueTimeoutMs: Number(values.timeout),
  });
  const app = buildApp(pool, { logger: values.log });
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => app.close());
  const address = await app.listen({ host: values.host, port: Number(values.port) });
  return { app, pool, address };
}

/** Bytes of a model of the example, made now, or the path of a file. */
async function modelOf(name) {
  if (/\.(onnx|qlp)$/.test(name)) return name;
  const { MODELS } = await import("./models.js");
  const make = MODELS[name];
  if (make === undefined) throw new Error(`no model "${name}"; expected ${Object.keys(MODELS).join(", ")} or a file`);
  return make();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { address, pool } = await start(process.argv.slice(2));
  console.log(`${address}/predict, ${pool.health().workers.ready} workers`);
}
