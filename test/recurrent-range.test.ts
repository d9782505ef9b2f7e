import { afterEach, describe, expect, test } from "vitest";
import { K } from "../src/backend/index.js";
import { setBackend } from "../src/node.js";
import { arena } from "../src/runtime/arena.js";
import type { Ptr } from "../src/types.js";
import { generatorOf } from "./support/make.js";

const HIDDEN = 11;
const PROJ = 5;

interface Walk {
  readonly steps: number;
  readonly n: number;
  /** Rows of each step, or none: N each. */
  readonly sizes: readonly number[] | null;
  readonly reverse: number;
}

/** Takes a block of random numbers. */
type Take = (elements: number) => Ptr;

/** What a call of a kernel for some rows needs: everything that it may write, and the call. */
interface Job {
  readonly scratchBytes: number;
  readonly written: readonly (readonly [Ptr, elements: number])[];
  run(scratch: Ptr, begin: number, end: number): void;
}

type Prepare = (take: Take, walk: Walk, rows: number, sizes: Ptr) => Job;

/** The hidden weights as the kernels read them, or none: then they pack them themselves. */
function packed(ahead: boolean, take: Take, { steps, n }: Walk, weight: Ptr, width: number, size: number): Ptr {
  const form = ahead ? K.recurrent_form(steps, n) : 0;
  if (form === 0) return 0 as Ptr;
  const to = take(K.recurrent_packed_bytes(form, width, size) / 4);
  K.recurrent_pack_f32(to, weight, form, width, size);
  return to;
}

const lstm =
  (proj: number, ahead: boolean): Prepare =>
  (take, walk, rows, sizes) => {
    const { steps, n, reverse } = walk;
    const size = proj || HIDDEN;
    const counts = { y: rows * size, h: n * size, c: n * HIDDEN, gates: rows * 4 * HIDDEN, full: rows * HIDDEN };
    const [y, h, c, gates] = [take(counts.y), take(counts.h), take(counts.c), take(counts.gates)];
    const [hBefore, cBefore, full] = [take(counts.y), take(counts.full), take(counts.full)];
    const [weight, projection] = [take(4 * HIDDEN * size), take(proj * HIDDEN)];
    const [h0, c0] = [take(counts.h), take(counts.c)];
    const panels = packed(ahead, take, walk, weight, 4 * HIDDEN, size);
    const given = [weight, panels, proj === 0 ? (0 as Ptr) : projection, h0, c0] as const;
    return {
      scratchBytes: K.lstm_scratch_bytes(steps, n, HIDDEN, proj),
      written: [
        [y, counts.y],
        [h, counts.h],
        [c, counts.c],
        [gates, counts.gates],
        [hBefore, counts.y],
        [cBefore, counts.full],
        [full, counts.full],
      ],
      run: (scratch, ...range) => {
        const work = [sizes, scratch, rows, steps, n, HIDDEN, proj, reverse, ...range] as const;
        K.lstm_f32(y, h, c, gates, hBefore, cBefore, full, ...given, ...work);
      },
    };
  };

const lstmGrad =
  (proj: number): Prepare =>
  (take, { steps, n, reverse }, rows, sizes) => {
    const size = proj || HIDDEN;
    const [dx, dh, dc, dproj] = [take(rows * 4 * HIDDEN), take(n * size), take(n * HIDDEN), take(rows * size)];
    const given = [take(rows * size), take(n * size), take(n * HIDDEN), take(rows * 4 * HIDDEN)] as const;
    const [before, weight, projection] = [take(rows * HIDDEN), take(4 * HIDDEN * size), take(proj * HIDDEN)];
    const weights = [weight, proj === 0 ? (0 as Ptr) : projection] as const;
    return {
      scratchBytes: K.lstm_scratch_bytes(steps, n, HIDDEN, proj),
      written: [
        [dx, rows * 4 * HIDDEN],
        [dh, n * size],
        [dc, n * HIDDEN],
        [dproj, rows * size],
      ],
      run: (scratch, ...range) => {
        const work = [sizes, scratch, rows, steps, n, HIDDEN, proj, reverse, ...range] as const;
        K.lstm_grad_f32(dx, dh, dc, dproj, ...given, before, ...weights, ...work);
      },
    };
  };

const gru =
  (ahead: boolean): Prepare =>
  (take, walk, rows, sizes) => {
    const { steps, n, reverse } = walk;
    const [y, h, gates] = [take(rows * HIDDEN), take(n * HIDDEN), take(rows * 3 * HIDDEN)];
    const [candidate, before] = [take(rows * HIDDEN), take(rows * HIDDEN)];
    const [weight, bias, h0] = [take(3 * HIDDEN * HIDDEN), take(3 * HIDDEN), take(n * HIDDEN)];
    const given = [weight, packed(ahead, take, walk, weight, 3 * HIDDEN, HIDDEN), bias, h0] as const;
    return {
      scratchBytes: K.gru_scratch_bytes(steps, n, HIDDEN),
      written: [
        [y, rows * HIDDEN],
        [h, n * HIDDEN],
        [gates, rows * 3 * HIDDEN],
        [candidate, rows * HIDDEN],
        [before, rows * HIDDEN],
      ],
      run: (scratch, ...range) => {
        const work = [sizes, scratch, rows, steps, n, HIDDEN, reverse, ...range] as const;
        K.gru_f32(y, h, gates, candidate, before, ...given, ...work);
      },
    };
  };

const gruGrad: Prepare = (take, { steps, n, reverse }, rows, sizes) => {
  const [dx, du, dh] = [take(rows * 3 * HIDDEN), take(rows * 3 * HIDDEN), take(n * HIDDEN)];
  const given = [take(rows * HIDDEN), take(n * HIDDEN), take(rows * 3 * HIDDEN), take(rows * HIDDEN)] as const;
  const [before, weight] = [take(rows * HIDDEN), take(3 * HIDDEN * HIDDEN)];
  return {
    scratchBytes: K.gru_scratch_bytes(steps, n, HIDDEN),
    written: [
      [dx, rows * 3 * HIDDEN],
      [du, rows * 3 * HIDDEN],
      [dh, n * HIDDEN],
    ],
    run: (scratch, ...range) => {
      const work = [sizes, scratch, rows, steps, n, HIDDEN, reverse, ...range] as const;
      K.gru_grad_f32(dx, du, dh, ...given, before, weight, ...work);
    },
  };
};

const gruClassic: Prepare = (take, { steps, n, reverse }, rows, sizes) => {
  const [y, h, gates, before] = [take(rows * HIDDEN), take(n * HIDDEN), take(rows * 3 * HIDDEN), take(rows * HIDDEN)];
  const given = [take(3 * HIDDEN * HIDDEN), take(n * HIDDEN)] as const;
  return {
    scratchBytes: K.gru_classic_scratch_bytes(steps, n, HIDDEN),
    written: [
      [y, rows * HIDDEN],
      [h, n * HIDDEN],
      [gates, rows * 3 * HIDDEN],
      [before, rows * HIDDEN],
    ],
    run: (scratch, ...range) => {
      const work = [sizes, scratch, rows, steps, n, HIDDEN, reverse, ...range] as const;
      K.gru_classic_f32(y, h, gates, before, ...given, ...work);
    },
  };
};

const gruClassicGrad: Prepare = (take, { steps, n, reverse }, rows, sizes) => {
  const [dx, dh] = [take(rows * 3 * HIDDEN), take(n * HIDDEN)];
  const given = [take(rows * HIDDEN), take(n * HIDDEN), take(rows * 3 * HIDDEN), take(rows * HIDDEN)] as const;
  const weight = take(3 * HIDDEN * HIDDEN);
  return {
    scratchBytes: K.gru_classic_scratch_bytes(steps, n, HIDDEN),
    written: [
      [dx, rows * 3 * HIDDEN],
      [dh, n * HIDDEN],
    ],
    run: (scratch, ...range) => {
      const work = [sizes, scratch, rows, steps, n, HIDDEN, reverse, ...range] as const;
      K.gru_classic_grad_f32(dx, dh, ...given, weight, ...work);
    },
  };
};

const rnn =
  (ahead: boolean): Prepare =>
  (take, walk, rows, sizes) => {
    const { steps, n, reverse } = walk;
    const [y, h, before] = [take(rows * HIDDEN), take(n * HIDDEN), take(rows * HIDDEN)];
    const [weight, h0] = [take(HIDDEN * HIDDEN), take(n * HIDDEN)];
    const given = [weight, packed(ahead, take, walk, weight, HIDDEN, HIDDEN), h0] as const;
    return {
      scratchBytes: K.rnn_scratch_bytes(steps, n, HIDDEN),
      written: [
        [y, rows * HIDDEN],
        [h, n * HIDDEN],
        [before, rows * HIDDEN],
      ],
      run: (scratch, ...range) => {
        K.rnn_f32(y, h, before, ...given, sizes, scratch, rows, steps, n, HIDDEN, reverse, 0, ...range);
      },
    };
  };

const rnnGrad: Prepare = (take, { steps, n, reverse }, rows, sizes) => {
  const [dx, dh] = [take(rows * HIDDEN), take(n * HIDDEN)];
  const given = [take(rows * HIDDEN), take(n * HIDDEN), take(rows * HIDDEN), take(HIDDEN * HIDDEN)] as const;
  return {
    scratchBytes: K.rnn_scratch_bytes(steps, n, HIDDEN),
    written: [
      [dx, rows * HIDDEN],
      [dh, n * HIDDEN],
    ],
    run: (scratch, ...range) => {
      K.rnn_grad_f32(dx, dh, ...given, sizes, scratch, rows, steps, n, HIDDEN, reverse, 0, ...range);
    },
  };
};

const KERNELS: [string, Prepare][] = [
  ["lstm", lstm(0, false)],
  ["lstm with packed weights", lstm(0, true)],
  ["lstm with a projection", lstm(PROJ, false)],
  ["lstm with a projection and packed weights", lstm(PROJ, true)],
  ["lstm_grad", lstmGrad(0)],
  ["lstm_grad with a projection", lstmGrad(PROJ)],
  ["gru", gru(false)],
  ["gru with packed weights", gru(true)],
  ["gru_grad", gruGrad],
  ["gru_classic", gruClassic],
  ["gru_classic_grad", gruClassicGrad],
  ["rnn", rnn(false)],
  ["rnn with packed weights", rnn(true)],
  ["rnn_grad", rnnGrad],
];

const WALKS: Walk[] = [
  { steps: 2, n: 3, sizes: null, reverse: 0 },
  { steps: 6, n: 4, sizes: null, reverse: 1 },
  { steps: 5, n: 4, sizes: [4, 4, 3, 1, 1], reverse: 0 },
  { steps: 3, n: 13, sizes: null, reverse: 0 },
  { steps: 4, n: 13, sizes: [13, 8, 7, 2], reverse: 1 },
];

/** Bits of everything a kernel writes, its rows done part by part, each with work space of its own, in any order. */
function bitsOf(prepare: Prepare, walk: Walk, cuts: readonly number[]): Int32Array[] {
  const random = generatorOf(5);
  const blocks: ReturnType<typeof arena.alloc>[] = [];
  const reserve = (bytes: number): Ptr => {
    blocks.push(arena.alloc(Math.max(4, bytes)));
    return arena.at(blocks.at(-1)!, 0);
  };
  const take: Take = (elements) => {
    const p = reserve(4 * elements);
    for (let i = 0; i < elements; i++) arena.f32[(p >>> 2) + i] = random() - 0.5;
    return p;
  };
  try {
    const { n, steps, sizes } = walk;
    const rows = sizes?.reduce((a, b) => a + b, 0) ?? n * steps;
    const counts = sizes === null ? (0 as Ptr) : reserve(4 * steps);
    if (sizes !== null) arena.i32.set(sizes, counts >>> 2);
    const job = prepare(take, walk, rows, counts);
    const bounds = [0, ...cuts, n];
    for (let part = bounds.length - 2; part >= 0; part--) {
      job.run(reserve(job.scratchBytes), bounds[part]!, bounds[part + 1]!);
    }
    return job.written.map(([p, count]) => arena.i32.slice(p >>> 2, (p >>> 2) + count));
  } finally {
    for (const block of blocks) arena.free(block);
  }
}

afterEach(() => setBackend("wasm"));

describe.each(["wasm", "js"] as const)("on %s", (backend) => {
  test.each(KERNELS)("%s gives a row of the batch the same bits however the batch is cut", (_name, prepare) => {
    setBackend(backend);
    for (const walk of WALKS) {
      const whole = bitsOf(prepare, walk, []);
      expect(whole.some((bits) => bits.some((v) => v !== 0))).toBe(true);
      for (const cuts of [[1], [2], [1, 2], [0, walk.n]]) {
        expect(bitsOf(prepare, walk, cuts), `${JSON.stringify(walk)} cut at ${cuts.join(", ")}`).toEqual(whole);
      }
    }
  });

  test("a range of rows leaves all other rows alone", () => {
    setBackend(backend);
    const walk = { steps: 4, n: 6, sizes: null, reverse: 0 };
    const plain = rnn(false);
    const partial: Prepare = (take, w, rows, sizes) => {
      const job = plain(take, w, rows, sizes);
      return { ...job, run: (scratch, begin) => begin === 2 && job.run(scratch, 2, 4) };
    };
    const untouched: Prepare = (take, w, rows, sizes) => ({ ...plain(take, w, rows, sizes), run: () => undefined });
    const [got, was, whole] = [partial, untouched, plain].map((p) => bitsOf(p, walk, [2, 4])[0]!);
    got!.forEach((v, i) => {
      const row = Math.floor(i / HIDDEN) % walk.n;
      expect(v).toBe((row === 2 || row === 3 ? whole! : was!)[i]);
    });
  });
});
