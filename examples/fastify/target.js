// The server as the load test starts it, in a process of its own: when it is told to, it ends a worker, if all are ready, or tells its memory.
import { start } from "./server.js";

const { address, pool } = await start(process.argv.slice(2));
process.on("message", (message) => {
  const { ready, wanted } = pool.health().workers;
  if (message === "kill" && ready === wanted) pool.threads[Math.floor(Math.random() * wanted)].terminate();
});
process.on("message", (message) => {
  if (message !== "memory") return;
  globalThis.gc();
  process.send({ memory: process.memoryUsage.rss() });
});
process.on("disconnect", () => process.exit());
process.send({ address });
// The server alone keeps the process alive, as it does without a parent.
process.channel.unref();
