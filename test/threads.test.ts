import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { K } from "../src/backend/index.js";
import { type Platform, setPlatform } from "../src/backend/platform.js";
import { nodePlatform } from "../src/backend/platform.node.js";
import { withSharedMemory } from "../src/backend/shared_import.js";
import { cutEverything } from "../src/backend/threaded.js";
import {
  ArgumentError,
  FormatError,
  type InitOptions,
  init,
  initSync,
  memory,
  RuntimeError,
  type RuntimeInfo,
  randn,
  runtime,
  scope,
  setBackend,
  tensor,
  zeros,
} from "../src/node.js";
import { arena } from "../src/runtime/arena.js";
import { Pool, type Spawn, type Thread } from "../src/runtime/threads.js";
import { spawnWorker } from "../src/runtime/threads.node.js";
import type { Ptr } from "../src/types.js";
import { generatorOf } from "./support/make.js";

const binary = (): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../build/kernels.${runtime().binary}.wasm`, import.meta.url)));

/** `init` where some of what Node offers is otherwise. */
async function initOn(changes: Partial<Platform>, options: InitOptions): Promise<RuntimeInfo> {
  setPlatform({ ...nodePlatform, ...changes });
  try {
    return await init(options);
  } finally {
    setPlatform(nodePlatform);
  }
}

const a = randn([150, 70]);
const b = randn([70, 90]);
const product = (): Float32Array => scope(() => a.matmul(b).data()) as Float32Array;
const expected = product();
const right = (): boolean => product().every((v, i) => Object.is(v, expected[i]));

let restore = (): void => {};
afterEach(async () => {
  restore();
  restore = () => {};
  setBackend("wasm");
  await init();
});
afterAll(() => {
  a.dispose();
  b.dispose();
});

/** A product that is certainly cut, and how often something was. */
function cutProduct(): number {
  const run = vi.spyOn(Pool.prototype, "run");
  const undo = cutEverything();
  try {
    expect(right()).toBe(true);
    return run.mock.calls.length;
  } finally {
    undo();
    run.mockRestore();
  }
}

describe("init({ threads })", () => {
  test("shares the memory with tensors in it, whose addresses and values stay", async () => {
    const t = tensor([1, 2, 3]);
    const { ptr } = t;
    const info = await init({ threads: 3 });
    expect(info).toMatchObject({ threads: 3, shared: true, backend: "wasm" });
    expect(info.whyThreads).toContain("asked for");
    expect(t.ptr).toBe(ptr);
    expect(t.tolist()).toEqual([1, 2, 3]);
    expect(cutProduct()).toBeGreaterThan(0);
    t.dispose();
  });

  test("ends the threads when one is asked for; the memory may stay shared", async () => {
    await init({ threads: 2 });
    const info = await init({ threads: 1 });
    expect(info).toMatchObject({ threads: 1, shared: true, whyThreads: "one thread was asked for" });
    expect(cutProduct()).toBe(0);
  });

  test("takes options alone, or behind a source", async () => {
    expect((await init(undefined, { threads: 2 })).threads).toBe(2);
    expect((await init(binary(), { threads: 2 })).threads).toBe(2);
    expect((await init(Promise.resolve(binary()), { threads: 2 })).threads).toBe(2);
    expect((await init()).threads).toBe(1);
  });

  test("counts processors for auto", async () => {
    expect((await init({ threads: "auto" })).threads).toBe(Math.min(availableParallelism(), 16));
    const alone = await initOn({ processors: () => 1 }, { threads: "auto" });
    expect(alone).toMatchObject({ threads: 1, whyThreads: "there is one processor" });
  });

  test("refuses what is no number of threads", async () => {
    for (const threads of [0, -1, 1.5, 65, Number.NaN, "many", null]) {
      await expect(init({ threads: threads as never })).rejects.toThrow(ArgumentError);
    }
    await expect(init({ threads: 0 })).rejects.toThrow('threads is 0; expected an integer from 1 to 64, or "auto"');
    await expect(init({ thread: 2 } as never)).rejects.toThrow('unknown option "thread"');
    expect(() => initSync({ threads: 2 })).toThrow("await init({ threads })");
  });

  test("calls that overlap wait for each other", async () => {
    const infos = await Promise.all([init({ threads: 3 }), init({ threads: 2 })]);
    expect(infos.map((info) => info.threads)).toEqual([3, 2]);
    expect(cutProduct()).toBeGreaterThan(0);
  });

  test("runs on one thread from a compiled module, which cannot be given a shared memory, and says so", async () => {
    await init({ threads: 2 });
    const info = await init(new WebAssembly.Module(binary()), { threads: 2 });
    expect(info).toMatchObject({ threads: 1, shared: false });
    expect(info.whyThreads).toContain("compiled module");
    expect(right()).toBe(true);
  });

  test("says why a platform has no threads", async () => {
    const info = await initOn({ threadless: () => "not here" }, { threads: 2 });
    expect(info).toMatchObject({ threads: 1, whyThreads: "not here" });
  });

  test("leaves nothing behind in the arena", async () => {
    const before = memory().liveBlocks;
    await init({ threads: 4 });
    cutProduct();
    await init();
    expect(memory().liveBlocks).toBe(before);
  });
});

describe("threads", () => {
  test("do not work for the js back end", async () => {
    await init({ threads: 2 });
    setBackend("js");
    const run = vi.spyOn(Pool.prototype, "run");
    restore = cutEverything();
    product();
    expect(run).not.toHaveBeenCalled();
    setBackend("wasm");
    product();
    expect(run).toHaveBeenCalled();
    run.mockRestore();
  });

  test("see memory that has grown since they started, in every kind of access", async () => {
    await init({ threads: 2 });
    restore = cutEverything();
    const { capacityBytes } = memory();
    // Larger than all there is.
    const n = Math.ceil(capacityBytes / 4) + 1003;
    scope(() => {
      const ones = zeros([n]).add(1);
      const copy = ones.reshape([1, n]).expand([2, n]).contiguous();
      expect(memory().capacityBytes).toBeGreaterThan(3 * capacityBytes);
      expect(copy.sum(1).tolist()).toEqual([Math.fround(n), Math.fround(n)]);
    });
  });

  test("that trap make the call throw, and work on", async () => {
    await init({ threads: 2 });
    restore = cutEverything();
    // The second half lies beyond the memory.
    const end = (arena.stats().capacityBytes - 4096) as Ptr;
    expect(() => K.relu_f32(end, end, 2048)).toThrow(RuntimeError);
    expect(() => K.relu_f32(end, end, 2048)).toThrow("relu_f32: the kernel trapped in a thread");
    expect(right()).toBe(true);
    expect(runtime().threads).toBe(2);
  });

  test("that die leave their work to the others, and then there is one", async () => {
    const crew: Thread[] = [];
    const spawn: Spawn = (start, events) => {
      const thread = spawnWorker(start, events);
      crew.push(thread);
      return thread;
    };
    expect((await initOn({ spawn }, { threads: 3 })).threads).toBe(3);
    expect(cutProduct()).toBeGreaterThan(0);
    crew[1]!.terminate();
    // It may be dead or about to die, and nobody has been told.
    for (let i = 0; i < 50; i++) expect(cutProduct()).toBeGreaterThan(0);
    await vi.waitFor(() => expect(runtime().threads).toBe(1), 5000);
    expect(runtime().whyThreads).toContain("thread 2 of 3 has ended");
    expect(cutProduct()).toBe(0);
  });

  test("that do not come up leave one thread, with the reason", async () => {
    const unable: Spawn = () => {
      throw new Error("no more of them");
    };
    const dying: Spawn = (_, events) => {
      queueMicrotask(() => events.ended("it had to"));
      return { unref: () => {}, terminate: () => {} };
    };
    const one = await initOn({ spawn: unable }, { threads: 2 });
    expect(one.threads).toBe(1);
    expect(one.whyThreads).toContain("no more of them");
    const two = await initOn({ spawn: dying }, { threads: 2 });
    expect(two.threads).toBe(1);
    expect(two.whyThreads).toContain("thread 1 of 2 has ended: it had to");
    expect(right()).toBe(true);
  });

  test("that are not ready in time are ended", async () => {
    let ended = 0;
    const silent: Spawn = () => ({ unref: () => {}, terminate: () => ended++ });
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const module = new WebAssembly.Module(withSharedMemory(binary()));
    const pool = Pool.start(3, silent, { module, memory: shared, names: [] }, [], 20);
    await expect(pool).rejects.toThrow("2 of 2 workers were not ready after 20 ms");
    expect(ended).toBe(2);
  });

  test("do not keep a process alive", async () => {
    const script = `
      import { init, randn, runtime } from ${JSON.stringify(new URL("../build/lib/node.js", import.meta.url).href)};
      await init({ threads: 3 });
      const x = randn([200, 200]);
      console.log(runtime().threads, x.matmul(x).shape[0]);
    `;
    const child = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      timeout: 30_000,
    });
    expect(child.stdout.trim()).toBe("3 200");
    expect(child.stderr).toBe("");
  });
});

describe("a binary for shared memory", () => {
  test("differs in one byte, and runs on no other", () => {
    const plain = binary();
    const shared = withSharedMemory(plain);
    expect(plain.filter((v, i) => v !== shared[i])).toHaveLength(1);
    const module = new WebAssembly.Module(shared);
    const env = { memory: new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }) };
    expect(new WebAssembly.Instance(module, { env }).exports.add_f32).toBeTypeOf("function");
    expect(
      () => new WebAssembly.Instance(module, { env: { memory: new WebAssembly.Memory({ initial: 1 }) } }),
    ).toThrow();
    expect(Buffer.compare(withSharedMemory(shared), shared)).toBe(0);
  });

  test("is found behind imports of every kind", () => {
    const name = [1, 97, 1, 98];
    const imports = [
      [...name, 0, 0],
      [...name, 1, 0x70, 1, 1, 2],
      [...name, 3, 0x7f, 0],
      [...name, 2, 1, 1, 2],
    ];
    const bytes = imports.flat();
    const type = [1, 4, 1, 0x60, 0, 0];
    const module = [0, 97, 115, 109, 1, 0, 0, 0, ...type, 2, bytes.length + 1, imports.length, ...bytes];
    const shared = withSharedMemory(Uint8Array.from(module));
    expect(WebAssembly.validate(shared)).toBe(true);
    expect([...shared].map((v, i) => v - module[i]!).filter((v) => v !== 0)).toEqual([2]);
  });

  test("is not made of anything else", () => {
    const header = [0, 97, 115, 109, 1, 0, 0, 0];
    const name = [1, 97, 1, 98];
    for (const [bytes, message] of [
      [[], "the header"],
      [[0, 97, 115, 109, 2, 0, 0, 0], "the header"],
      [header, "it imports no memory"],
      [[...header, 2], "it ends early"],
      [[...header, 2, 5, 1], "it ends early"],
      [[...header, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 1], "a number is too long"],
      [[...header, 2, 2, 9, 0xff], "it ends early"],
      [[...header, 2, 3, 1, 0x7f, 0], "it ends early"],
      [[...header, 2, 7, 1, ...name, 9, 0], "an import is of kind 9"],
      [[...header, 2, 8, 1, ...name, 2, 0, 1], "its memory has limits of kind 0"],
      [[...header, 2, 8, 1, ...name, 2, 5, 1], "its memory has limits of kind 5"],
    ] as const) {
      expect(() => withSharedMemory(Uint8Array.from(bytes)), String(bytes)).toThrow(FormatError);
      expect(() => withSharedMemory(Uint8Array.from(bytes))).toThrow(message);
    }
  });

  test("is refused or made, whatever the bytes are", () => {
    const start = binary().subarray(0, 3000);
    const random = generatorOf(5);
    for (let i = 0; i < 3000; i++) {
      const bytes = start.slice(0, Math.floor(random() * start.length));
      for (let k = 0; k < 3; k++) bytes[8 + Math.floor(random() * 60)] = Math.floor(random() * 256);
      try {
        expect(withSharedMemory(bytes).length).toBe(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });
});
