// The server as the load test starts it: in a process of its own, where it ends a worker when it is told to and all are ready.
import { start } from "./server.js";

const { address, pool } = await start(process.argv.slice(2));
process.on("message", (message) => {
  const { ready, wanted } = pool.health().workers;
  if (message === "kill" && ready === wanted) pool.threads[Math.floor(Math.random() * wanted)].terminate();
});
process.on("disconnect", () => process.exit());
process.send({ address });
// The server alone keeps the process alive, as it does without a parent.
process.channel.unref();
