import { arena } from "../runtime/arena.js";
import { type Kernel, MAX_ARGS, PARTS_PER_THREAD, type Pool } from "../runtime/threads.js";
import type { Ptr } from "../types.js";
import type { Kernels } from "./index.js";

// A table of kernels that run on all threads of a pool. A call is cut by its outputs: each part is a call of the same kernel with other
// pointers and counts, or another range, so that every element is computed as it is on one thread.
//
// How a kernel is cut is data: a row with one role for each of its parameters.
//   "N"           the number of independent units; each part gets some of them
//   "4", "4ni"    a pointer that moves so many bytes a unit: 4, or 4 · n · i, where n and i are the parameters with those roles. An absent
//                 operand, 0, stays 0
//   "n", "i", …   a size that others refer to
//   "scratch"     work space, of which each thread has its own
//   "begin" "end" the range of units that is wanted, for kernels whose parts cannot be told by pointers
//   "low" "high"  the two words of the counter of random numbers, which goes up by one with each four units
//   "="           the same for all parts

type Size = "a" | "b" | "c" | "d" | "e" | "h" | "i" | "k" | "m" | "n" | "q" | "s" | "w" | "x" | "y" | "z";
type Step = `${1 | 2 | 4 | 8 | 16}${string}`;
type Role<P> = P extends Ptr ? Step | "scratch" | "=" : Size | "N" | "begin" | "end" | "low" | "high" | "=";

/** One role for each parameter of a kernel: the compiler counts them, and tells pointers from numbers. */
export type Roles<F> = F extends (...args: infer P) => unknown ? { readonly [I in keyof P]: Role<P[I]> } : never;

/** A kernel's roles, and the nanoseconds that one thread takes for an element of its largest operand, more or less. */
export type Row<F> = readonly [cost: number, roles: Roles<F>];

/** For kernels whose calls can be cut in several ways. */
export interface Cutter<F extends (...args: never[]) => unknown> {
  /** Nanoseconds that one thread takes for the call, more or less. */
  work(...args: Parameters<F>): number;
  /** The way that suits this call, or null if it must not be cut; `grain` units stay together. */
  choose(...args: Parameters<F>): Way<F> | null;
}

export interface Way<F> {
  readonly roles: Roles<F>;
  readonly grain: number;
}

/** What is known of each kernel; a kernel that is not named stays on one thread. */
export type Splits = { readonly [N in Void]?: Row<Kernels[N]> | Cutter<Kernels[N]> };

/** Kernels that return a number cannot be cut. */
type Void = { [N in keyof Kernels]: ReturnType<Kernels[N]> extends void ? N : never }[keyof Kernels];

/**
 * A part has at least so much work, in nanoseconds of one thread. To post a part and to wait for it costs one to two microseconds
 * while the workers spin, ten times that if they sleep; below this the call stays where it is.
 */
const PART_WORK = 5_000;

/** From so much work a thread on, in nanoseconds, a share is cut further: a small part is one of SMALL of a share. */
const LONG_WORK = 500_000;
const SMALL = 5;

let partWork = PART_WORK;
let longWork = LONG_WORK;

/** For tests: cuts whatever can be cut. Returns what undoes it. */
export function cutEverything(): () => void {
  partWork = 0;
  longWork = 0;
  return () => {
    partWork = PART_WORK;
    longWork = LONG_WORK;
  };
}

/** A pointer and what it moves by. */
interface Mover {
  readonly at: number;
  readonly bytes: number;
  readonly sizes: readonly number[];
}

/** Roles, taken apart. */
class Cut {
  private readonly movers: Mover[] = [];
  /** A bit for each argument that is work space. */
  readonly scratch: number = 0;
  private readonly count: number;
  private readonly begin: number;
  private readonly end: number;
  /** The sizes of what pointers move by, where that is more than an element. */
  private readonly volumes: readonly (readonly number[])[];
  private readonly low: number;
  private readonly high: number;
  /** Units that stay together by default: a vector of elements, of larger things one. */
  readonly grain: number;

  constructor(roles: readonly string[]) {
    if (roles.length > MAX_ARGS) throw new RangeError(`${roles.length} arguments; there is room for ${MAX_ARGS}`);
    this.count = roles.indexOf("N");
    this.begin = roles.indexOf("begin");
    this.end = roles.indexOf("end");
    this.low = roles.indexOf("low");
    this.high = roles.indexOf("high");
    for (const [at, role] of roles.entries()) {
      if (role === "scratch") this.scratch |= 1 << at;
      else if (/^\d/.test(role)) {
        const bytes = Number.parseInt(role, 10);
        const sizes = [...role.slice(String(bytes).length)].map((letter) => roles.indexOf(letter));
        if (sizes.includes(-1)) throw new RangeError(`"${role}" names a size that no parameter has`);
        this.movers.push({ at, bytes, sizes });
      }
    }
    this.volumes = this.movers.map((m) => m.sizes).filter((sizes) => sizes.length > 0);
    this.grain = this.volumes.length > 0 || this.count < 0 ? 1 : 4;
  }

  units(args: readonly number[]): number {
    return this.count >= 0 ? args[this.count]! : args[this.end]! - args[this.begin]!;
  }

  /** Elements of the largest operand. */
  elements(args: readonly number[]): number {
    let most = 1;
    for (const sizes of this.volumes) most = Math.max(most, product(args, sizes));
    return most * this.units(args);
  }

  /** The arguments of units [from, to). */
  write(args: readonly number[], from: number, to: number, numbers: Float64Array, at: number): void {
    for (let i = 0; i < args.length; i++) numbers[at + i] = args[i]!;
    for (const mover of this.movers) {
      const p = args[mover.at]!;
      if (p !== 0) numbers[at + mover.at] = p + from * mover.bytes * product(args, mover.sizes);
    }
    if (this.count >= 0) numbers[at + this.count] = to - from;
    else {
      numbers[at + this.begin] = args[this.begin]! + from;
      numbers[at + this.end] = args[this.begin]! + to;
    }
    if (this.low >= 0) {
      const low = (args[this.low]! >>> 0) + from / 4;
      numbers[at + this.low] = low % 2 ** 32;
      numbers[at + this.high] = args[this.high]! + Math.floor(low / 2 ** 32);
    }
  }
}

function product(args: readonly number[], sizes: readonly number[]): number {
  let p = 1;
  for (const i of sizes) p *= args[i]!;
  return p;
}

/** Cuts, made from roles when they are first met. */
const cuts = new Map<readonly string[], Cut>();

function cutOf(roles: readonly string[]): Cut {
  let cut = cuts.get(roles);
  if (cut === undefined) {
    cut = new Cut(roles);
    cuts.set(roles, cut);
  }
  return cut;
}

/** A split without the types of one kernel. */
interface AnyCutter {
  work(args: readonly number[]): number;
  choose(args: readonly number[]): { readonly roles: readonly string[]; readonly grain: number } | null;
}

type AnyRow = readonly [cost: number, roles: readonly string[]];
type PerArgument<R> = (...args: readonly number[]) => R;

function cutterOf(
  split: AnyRow | { readonly [M in keyof AnyCutter]: PerArgument<ReturnType<AnyCutter[M]>> },
): AnyCutter {
  if (!("work" in split)) {
    const [cost, roles] = split;
    const cut = cutOf(roles);
    const way = { roles, grain: cut.grain };
    return { work: (args) => cost * cut.elements(args), choose: () => way };
  }
  return { work: (args) => split.work(...args), choose: (args) => split.choose(...args) };
}

/** Cuts one call. Returns false if it is too small or cannot be cut: nothing has been done then. */
function runParts(pool: Pool, name: string, id: number, cutter: AnyCutter, args: readonly number[]): boolean {
  const work = cutter.work(args);
  if (work < 2 * partWork) return false;
  const way = cutter.choose(args);
  if (way === null) return false;
  const cut = cutOf(way.roles);
  const units = cut.units(args);
  const { grain } = way;
  const grains = Math.floor(units / grain);
  const shares = Math.min(pool.threads, grains, partWork > 0 ? Math.floor(work / partWork) : Infinity);
  if (shares < 2) return false;
  // Of a call that takes long each thread gets most of its share at once, and the rest in parts for whoever is ready first.
  const long = work >= shares * longWork && grains >= SMALL * shares;
  const parts = long ? shares * PARTS_PER_THREAD : shares;
  const border = (part: number): number => {
    if (part === parts) return units;
    const small = Math.max(0, part - shares);
    const done = long
      ? (Math.min(part, shares) * (SMALL - PARTS_PER_THREAD + 1) + small) / (shares * SMALL)
      : part / parts;
    return Math.floor((units * done) / grain) * grain;
  };
  pool.run({
    name,
    kernel: id,
    parts,
    count: args.length,
    scratch: cut.scratch,
    stride: arena.scratchStride,
    write: (part, numbers, at) => cut.write(args, border(part), border(part + 1), numbers, at),
  });
  return true;
}

/** The names that jobs may use, in the order of their numbers. */
export function splitNames(splits: Splits): string[] {
  return Object.keys(splits);
}

/** The same table, with every kernel that `splits` names cut over the pool's threads. */
export function threadedKernels(kernels: Kernels, splits: Splits, pool: Pool): Kernels {
  const table: Record<string, unknown> = { ...kernels };
  for (const [id, name] of splitNames(splits).entries()) {
    const split = splits[name as keyof Splits];
    const kernel = kernels[name as keyof Kernels] as Kernel;
    const cutter = cutterOf(split as AnyRow | Cutter<Kernel>);
    table[name] = (...args: number[]) => {
      if (!runParts(pool, name, id, cutter, args)) kernel(...args);
    };
  }
  return table as Kernels;
}
