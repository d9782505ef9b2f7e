// What the drivers have in common: a subject runs inside of an engine and does tasks by name.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Count } from "./ops.js";
import type { tasksOf } from "./tasks.js";

type Tasks = ReturnType<typeof tasksOf> & { ops(step: number): Promise<Count> };
export type Task = keyof Tasks;

export interface Answer {
  readonly value?: unknown;
  readonly error?: string;
}

/** How a call gets in and the answer out. */
export type Transport = (call: { task: Task; args: readonly unknown[] }) => Promise<Answer>;

/** Something inside of an engine that does tasks. */
export class Subject {
  constructor(
    private readonly transport: Transport,
    /** Ends it. */
    readonly close: () => Promise<void>,
  ) {}

  /** Does a task. Errors: whatever went wrong inside, as text. */
  async call<T extends Task>(task: T, ...args: Parameters<Tasks[T]>): Promise<Awaited<ReturnType<Tasks[T]>>> {
    const { value, error } = await this.transport({ task, args });
    if (error !== undefined) throw new Error(error);
    return value as Awaited<ReturnType<Tasks[T]>>;
  }
}

/** A child process whose words on its error stream are kept, to be told if it ends too early. */
export class Child {
  readonly process: ChildProcess;
  private errors = "";
  /** Never fulfilled: rejected when the process ends. */
  readonly ended: Promise<never>;

  constructor(command: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.process = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "pipe"], env });
    this.process.stderr!.on("data", (chunk: Buffer) => {
      this.errors = (this.errors + chunk).slice(-10_000);
    });
    this.ended = new Promise((_, reject) => {
      this.process.once("error", reject);
      this.process.once("close", (code, signal) => {
        reject(new Error(`ended with ${signal ?? `code ${code}`}: ${this.errors.trim() || "it said nothing"}`));
      });
    });
    // It may end when nobody waits for anything.
    this.ended.catch(() => {});
  }

  lines(): AsyncIterator<string> {
    return createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  /** The next line that it prints. */
  async line(lines: AsyncIterator<string>): Promise<string> {
    const { value, done } = await Promise.race([lines.next(), this.ended]);
    return done ? this.ended : value;
  }

  /** Ends it, and returns when it has ended. */
  async stop(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.ended.catch(() => {});
  }
}

/** A subject in a process that answers line by line. */
export function processSubject(command: readonly string[]): Subject {
  const child = new Child(command);
  const lines = child.lines();
  return new Subject(
    async (call) => {
      child.process.stdin!.write(`${JSON.stringify(call)}\n`);
      return JSON.parse(await child.line(lines)) as Answer;
    },
    () => child.stop(),
  );
}
