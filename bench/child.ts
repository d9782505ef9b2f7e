// The parent's side of an implementation's process; see serve.ts for the other.
import { type ChildProcess, fork } from "node:child_process";
import type { Reply, Request } from "./serve.js";
import type { Work } from "./works.js";

/** How a process is started. */
export interface Program {
  readonly script: string;
  readonly args?: readonly string[];
  readonly nodeFlags?: readonly string[];
}

type ReplyOf<T extends Reply["type"]> = Extract<Reply, { type: T }>;

/** A work that takes longer than this has failed. */
const DEADLINE_MS = 300_000;

export class Child {
  private stderr = "";
  private constructor(
    private readonly process: ChildProcess,
    /** What the implementation says about itself. */
    public about = "",
  ) {
    process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-10_000);
    });
  }

  /** Resolves when the library has been loaded. */
  static async start({ script, args = [], nodeFlags = [] }: Program): Promise<Child> {
    // Libraries print banners; standard output belongs to the report.
    const child = new Child(
      fork(script, args, {
        execArgv: [...nodeFlags],
        serialization: "advanced",
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      }),
    );
    child.about = (await child.reply("about")).about;
    return child;
  }

  prepare(work: Work): Promise<ReplyOf<"outputs">> {
    return this.ask({ type: "prepare", work }, "outputs");
  }

  time(ms: number): Promise<ReplyOf<"timing">> {
    return this.ask({ type: "time", ms }, "timing");
  }

  /** False after a crash or a missed deadline. */
  get alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null && this.process.connected;
  }

  stop(): void {
    this.process.kill();
  }

  private ask<T extends Reply["type"]>(request: Request, type: T): Promise<ReplyOf<T>> {
    return this.reply(type, request);
  }

  /** The next reply, after a request if there is one: the first reply comes unasked. */
  private reply<T extends Reply["type"]>(type: T, request?: Request): Promise<ReplyOf<T>> {
    const { process } = this;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        process.off("message", onMessage).off("close", onClose);
      };
      const onMessage = (reply: Reply): void => {
        settle();
        if (isReply(reply, type)) resolve(reply);
        else reject(new Error(reply.type === "failure" ? reply.reason : `answered ${reply.type}; expected ${type}`));
      };
      const onClose = (code: number | null, signal: string | null): void => {
        settle();
        const error = /^\w*Error.*$/m.exec(this.stderr)?.[0] ?? this.stderr.trim().split("\n").at(-1);
        reject(new Error(`process ended with ${signal ?? `code ${code}`}${error ? `: ${error}` : ""}`));
      };
      const timer = setTimeout(() => {
        settle();
        this.stop();
        reject(new Error(`no answer within ${DEADLINE_MS / 1000} s`));
      }, DEADLINE_MS);
      process.on("message", onMessage).on("close", onClose);
      if (request === undefined) return;
      process.send(request, (error) => {
        if (error === null) return;
        settle();
        reject(error);
      });
    });
  }
}

function isReply<T extends Reply["type"]>(reply: Reply, type: T): reply is ReplyOf<T> {
  return reply.type === type;
}
