import { setScopesAside } from "../runtime/scope.js";

/** How long training works without letting anything else run. */
const INTERVAL_MS = 40;

/** Lets other work have a turn now and then, so that pages stay alive and signals arrive. */
export class Pacer {
  private last = performance.now();

  get due(): boolean {
    return performance.now() - this.last >= INTERVAL_MS;
  }

  /** Waits for a turn of the event loop. What other code creates meanwhile belongs to none of the scopes that are open here. */
  async pause(): Promise<void> {
    const bringBack = setScopesAside();
    try {
      await turn();
    } finally {
      bringBack();
      this.last = performance.now();
    }
  }
}

/** One turn of the event loop. Timers come last, because browsers delay them, in the background by a second. */
function turn(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  if (typeof MessageChannel !== "function") return new Promise((resolve) => setTimeout(resolve, 0));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
