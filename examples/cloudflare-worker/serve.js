// workerd on a free port of this machine.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import workerd from "workerd";

/**
 * Starts a configuration; resolves when it listens. `address` is where; `stop` ends it.
 * @param {string} config a file in this folder
 */
export async function start(config) {
  const args = ["serve", fileURLToPath(new URL(config, import.meta.url)), "--socket-addr=http=127.0.0.1:0"];
  // The executable itself: the package's script would start it as a child that outlives it.
  const child = spawn(workerd.default, [...args, "--control-fd=3"], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const listening = (async () => {
    for await (const line of createInterface({ input: child.stdio[3] })) {
      const { event, port } = JSON.parse(line);
      if (event === "listen") return port;
    }
    throw new Error("workerd ended before it listened");
  })();
  const stop = async () => {
    child.kill();
    await ended;
  };
  return { address: `http://127.0.0.1:${await listening}`, pid: child.pid, stop };
}
