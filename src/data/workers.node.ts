import type { MessagePort, Worker } from "node:worker_threads";
import { type Backend, getBackend } from "../backend/index.js";
import type { Binary } from "../backend/probe.js";
import { RuntimeError } from "../errors.js";
import { runtime } from "../init.js";
import { builtin, packageFile } from "../runtime/system.node.js";
import type { Crew, CrewStart, WorkerJob, WorkerReply } from "./workers.js";

/** What a worker starts from. */
export interface WorkerStart {
  readonly url: string;
  readonly options: unknown;
  readonly port: MessagePort;
  /** The worker counts its replies in word REPLIES, and sets word ENDED when it ends. */
  readonly words: SharedArrayBuffer;
  /** Kernels of the main thread, so that all compute alike. */
  readonly binary: Binary | null;
  readonly backend: Backend;
}

export const REPLIES = 0;
export const ENDED = 1;

interface Hand {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly words: Int32Array;
}

/** Worker threads of Node. The main thread sleeps while it waits for them, so that a loop over a loader stays synchronous. */
class NodeCrew implements Crew {
  private readonly hands: Hand[] = [];
  private readonly binary = runtime().binary;
  private readonly backend = getBackend();

  constructor(private readonly start: CrewStart) {
    try {
      for (let i = 0; i < start.workers; i++) this.hands.push(hire(start));
    } catch (cause) {
      this.stop();
      throw new RuntimeError("DataLoader", `a worker cannot be started: ${(cause as Error).message}`);
    }
  }

  post(worker: number, job: WorkerJob): void {
    this.hands[worker]!.port.postMessage(job);
  }

  take(worker: number, id: number): WorkerReply {
    const { port, words } = this.hands[worker]!;
    const { timeout } = this.start;
    const { receiveMessageOnPort } = builtin("node:worker_threads");
    const end = performance.now() + timeout;
    for (;;) {
      // What came before the look at the words has been counted in them.
      const ended = Atomics.load(words, ENDED) === 1;
      const seen = Atomics.load(words, REPLIES);
      const received = receiveMessageOnPort(port);
      if (received !== undefined) {
        const reply = received.message as WorkerReply;
        if (reply.id === id || reply.id === null) return reply;
        continue;
      }
      if (ended) throw new RuntimeError("DataLoader", `worker ${worker} has ended before its batch was made`);
      const left = end - performance.now();
      if (left <= 0) {
        throw new RuntimeError(
          "DataLoader",
          `worker ${worker} has not made its batch within ${timeout} ms: it has died, or needs a larger timeout`,
        );
      }
      Atomics.wait(words, REPLIES, seen, left);
    }
  }

  stale(): boolean {
    return this.binary !== runtime().binary || this.backend !== getBackend();
  }

  stop(): void {
    for (const { worker, port } of this.hands) {
      port.close();
      void worker.terminate();
    }
  }
}

function hire(start: CrewStart): Hand {
  const { MessageChannel, Worker } = builtin("node:worker_threads");
  const words = new SharedArrayBuffer(8);
  const channel = new MessageChannel();
  const workerData: WorkerStart = {
    url: start.url,
    options: start.options,
    port: channel.port2,
    words,
    binary: runtime().binary,
    backend: getBackend(),
  };
  const worker = new Worker(packageFile("lib/workers_serve.node.js"), { workerData, transferList: [channel.port2] });
  worker.unref();
  // By the time the event arrives the loop has learned of it, or has ended.
  worker.on("error", () => {});
  return { worker, port: channel.port1, words: new Int32Array(words) };
}

/** Starts workers for a loader. */
export function startNodeCrew(start: CrewStart): Crew {
  return new NodeCrew(start);
}
