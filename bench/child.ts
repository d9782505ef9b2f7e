// The parent's side of an implementation's process; see serve.ts for the other.
import { type ChildProcess, fork } from "node:child_process";
import type { Reply, Request } from "./serve.js";
import type { Work } from "./works.js";

/** How a process is started. */
export interface Program {
  readonly script: string;
  readonly args?: readonly string[];
  readonly nodeFlags?: readonly string[];
  /** Within how many milliseconds each answer must come; a work that takes longer has failed. Default two minutes. */
  readonly deadline?: number;
}

type ReplyOf<T extends Reply["type"]> = Extract<Reply, { type: T }>;

const DEADLINE_MS = 120_000;

export class Child {
  private stderr = "";
  private constructor(
    private readonly process: ChildProcess,
    private readonly deadline: number,
    /** What the implementation says about itself. */
    public about = "",
  ) {
    process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-10_000);
    });
  }

  /** Resolves when the library has been loaded. `node` is the Node that runs it. */
  static async start(program: Program, node = process.execPath): Promise<Child> {
    const { script, args = [], nodeFlags = [], deadline = DEADLINE_MS } = program;
    // Libraries print banners; standard output belongs to the report.
    const child = new Child(
      fork(script, args, {
        execPath: node,
        execArgv: [...nodeFlags],
        serialization: "advanced",
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      }),
      deadline,
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
    const { process, deadline } = this;
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
        reject(new Error(`no answer within ${deadline / 1000} s`));
      }, deadline);
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
