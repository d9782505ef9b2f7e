import { describe, expect, test } from "vitest";
import { K } from "../src/backend/index.js";
import { ArenaError, optim, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { arena, NULL } from "../src/runtime/arena.js";
import type { Ptr } from "../src/types.js";
import { freeAfterEach } from "./support/modules.js";

freeAfterEach();

const BACKENDS = ["js", "wasm"] as const;
const SIZES = [1, 0, 37, 3, 8, 5];
const COUNT = SIZES.reduce((a, b) => a + b);

type Run = (table: Ptr, rows: number, begin: number, end: number) => void;

/** Every kernel that takes a table: how many states a row has, and which of them are absent. */
const KERNELS: readonly (readonly [name: string, states: number, absent: readonly number[], run: Run])[] = [
  ["sgd", 1, [0], (t, n, a, b) => K.sgd_f32(t, n, 0.1, 0.2, 0, 1, 0, 1, a, b)],
  ["sgd with momentum", 1, [], (t, n, a, b) => K.sgd_f32(t, n, 0.1, 0.2, 0.9, 0.8, 1, -1, a, b)],
  ["asgd", 1, [], (t, n, a, b) => K.asgd_f32(t, n, 0.1, 1, 0.01, 0.2, 0.5, a, b)],
  ["rprop", 2, [], (t, n, a, b) => K.rprop_f32(t, n, 1, 0.5, 1.2, 1e-6, 50, a, b)],
  ["adam", 3, [2], (t, n, a, b) => K.adam_f32(t, n, 0.01, 0, 1, 0.9, 0.99, 1e-8, 0.1, 0, 1.5, a, b)],
  ["adam with amsgrad", 3, [], (t, n, a, b) => K.adam_f32(t, n, 0, 0.1, 1, 0.9, 0.99, 1e-8, 0.1, 0.2, 1.5, a, b)],
  ["adamax", 2, [], (t, n, a, b) => K.adamax_f32(t, n, 0.1, 1, 0.9, 0.99, 1e-8, 0.1, a, b)],
  ["rmsprop", 3, [1, 2], (t, n, a, b) => K.rmsprop_f32(t, n, 0.1, 1, 0.9, 1e-8, 0.1, 0, a, b)],
  ["rmsprop, centered", 3, [], (t, n, a, b) => K.rmsprop_f32(t, n, 0.1, 1, 0.9, 1e-8, 0.1, 0.5, a, b)],
  ["adagrad", 1, [], (t, n, a, b) => K.adagrad_f32(t, n, 0.1, 1, 1e-8, 0.1, a, b)],
  ["adadelta", 2, [], (t, n, a, b) => K.adadelta_f32(t, n, 0.1, 1, 0.9, 1e-6, 0.1, a, b)],
];

/** Runs a kernel over the ranges between `cuts` and returns all that its operands hold then. */
function values(states: number, absent: readonly number[], run: Run, cuts: readonly number[]): number[] {
  return scope(() => {
    const rows = SIZES.map((n, row) =>
      Array.from({ length: states + 2 }, (_, k) =>
        tensor(Float32Array.from({ length: n }, (_, i) => Math.abs(Math.sin(1 + i + 7 * row + 31 * k)) + 0.1)),
      ),
    );
    const table = arena.scratch(4 * rows.length * (states + 3));
    const words = rows.flatMap((row) => [row[0]!.numel, ...row.map((t, k) => (absent.includes(k - 2) ? NULL : t.ptr))]);
    arena.i32.set(words, table >>> 2);
    cuts.slice(1).forEach((end, i) => {
      run(table, rows.length, cuts[i]!, end);
    });
    const all = rows.flat().flatMap((t) => [...t.data()]);
    for (const t of rows.flat()) t.dispose();
    return all;
  });
}

describe.each(BACKENDS)("on the %s back end", (backend) => {
  test.each(KERNELS)("%s gives the same bits however its elements are cut", (_, states, absent, run) => {
    setBackend(backend);
    const none = values(states, absent, run, [0, 0]);
    const whole = values(states, absent, run, [0, COUNT]);
    expect(whole).not.toEqual(none);
    const cuts = [
      [0, 1, COUNT],
      [0, 19, 38, COUNT],
      [0, 3, 3, 40, 41, 46, COUNT],
    ];
    for (const list of cuts) expect(values(states, absent, run, list)).toEqual(whole);
  });

  test("parameters that join later take the step of their own count", () => {
    setBackend(backend);
    const make = (): Tensor => tensor([1, 2, 3], { requiresGrad: true });
    const [early, late, alone] = [make(), make(), make()];
    const together = new optim.Adam([early, late], { lr: 0.1 });
    const single = new optim.Adam([alone], { lr: 0.1 });
    const stepOf = (optimizer: { step(): void }, params: readonly Tensor[]): void => {
      scope(() => {
        for (const p of params) {
          p.grad = null;
          p.square().sum().backward();
        }
      });
      optimizer.step();
    };
    stepOf(together, [early]);
    stepOf(together, [early, late]);
    stepOf(single, [alone]);
    expect(late.tolist()).toEqual(alone.tolist());
    expect(early.tolist()).not.toEqual(alone.tolist());
    for (const o of [together, single]) o.dispose();
    for (const p of [early, late, alone]) {
      p.grad?.dispose();
      p.dispose();
    }
  });

  test("nothing is updated if one of the gradients has been disposed of", () => {
    setBackend(backend);
    const [a, b] = [tensor([1], { requiresGrad: true }), tensor([2], { requiresGrad: true })];
    scope(() => a.mul(b).sum().backward());
    const optimizer = new optim.SGD([a, b], { lr: 0.1, momentum: 0.9 });
    b.grad!.dispose();
    expect(() => optimizer.step()).toThrow(ArenaError);
    expect(a.tolist()).toEqual([1]);
    expect(optimizer.stateDict().state).toEqual({});
    for (const t of [a, a.grad, b]) t?.dispose();
  });
});
