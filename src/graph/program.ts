import { identityOf } from "../backend/source.js";
import { installedModule } from "../backend/threads.js";
import { RuntimeError } from "../errors.js";
import { runtime } from "../init.js";
import { COPY, EXPECT, operand, type PlacedValue, type ProgramStep, writeProgram } from "../program/format.js";
import { ALIGN, Allocator, type Block } from "../runtime/allocator.js";
import { arena } from "../runtime/arena.js";
import { withNothingKept } from "../runtime/packed.js";
import type { GraphParts, Value } from "./graph.js";
import type { Plan } from "./plan.js";
import { type Event, type Recording, record, type Span } from "./recording.js";

const OP = "toProgram";
const MEMORY = 2 ** 32 - ALIGN;

/**
 * The file of a program that does what a plan of the graph does. The plan is run twice with all its memory at other addresses: what differs
 * between the two is an address, and which one, the blocks tell that it lies in. Errors: RuntimeError without WebAssembly kernels, or for a
 * model whose calls differ from run to run.
 */
export function programOf(graph: GraphParts, load: (plan: Plan) => void): Uint8Array<ArrayBuffer> {
  const module = installedModule;
  const { binary, backend } = runtime();
  if (module === null || binary === null || backend !== "wasm") {
    throw new RuntimeError(OP, "the js back end is in use; expected the WebAssembly kernels, for which programs are");
  }
  const { version } = identityOf(OP, module);
  return twice(graph, load, (a, b) => {
    const writer = new Writer(a, b);
    const setup = writer.stepsOf(a.first, b.first, true);
    const steps = writer.stepsOf(a.later, b.later, false);
    const { kernels, dataAt, memoryBytes, data } = writer;
    const placed = (values: readonly Value[], at: readonly number[], bt: readonly number[]): PlacedValue[] =>
      values.map(({ name, dtype, shape }, i) => ({ name, dtype, shape, at: writer.address(at[i]!, bt[i]!) }));
    const inputs = placed(graph.inputs, a.inputs, b.inputs);
    const outputs = placed(graph.outputs, a.outputs, b.outputs);
    return writeProgram({ binary, version, inputs, outputs, kernels, setup, steps, memoryBytes, dataAt }, data);
  });
}

/** Two recordings of which no byte lies where one of the other does. */
function twice<R>(graph: GraphParts, load: (plan: Plan) => void, use: (a: Recording, b: Recording) => R): R {
  const alone = (fn: () => R): R => arena.withOwnScratch(() => withNothingKept(fn));
  return alone(() => record(graph, load, (a) => alone(() => record(graph, load, (b) => use(a, b)))));
}

/** A block in both recordings, and where the program has it. */
interface Region {
  readonly a: Span;
  readonly b: Span;
  readonly start: number;
}

/** Turns two lists of events that differ in addresses into steps. */
class Writer {
  readonly kernels: string[] = [];
  /** The bytes from `dataAt` on: constants, and what kernels are told in memory. */
  readonly data: Uint8Array[] = [];
  readonly dataAt: number;
  memoryBytes: number;
  /** Those that there are at the event looked at. */
  private regions: Region[] = [];
  /** Where the program has the blocks that come and go, by what the first recording has of them. */
  private readonly places = new Map<Span, number>();
  private readonly known = new Map<string, number>();

  constructor(a: Recording, b: Recording) {
    // First what is written, then what the file holds.
    const space = new Allocator(ALIGN);
    space.extend(MEMORY);
    let end = ALIGN;
    const take = (size: number): Block => {
      const block = space.take(size);
      if (block === null) throw new RuntimeError(OP, `the program needs more than ${MEMORY} bytes`);
      end = Math.max(end, block.start + block.size);
      return block;
    };
    const add = (ofA: Span, ofB: Span): void =>
      void this.regions.push({ a: ofA, b: ofB, start: take(Math.max(ofA.size, ofB.size)).start });
    add(a.slab, b.slab);
    add(a.scratch, b.scratch);
    for (const [i, copy] of a.copies.entries()) add(copy, b.copies[i]!);
    const taken = new Map<Span, Block>();
    for (const event of [...a.first, ...a.later]) {
      if (event.kind === "take") {
        const block = take(event.block.size);
        taken.set(event.block, block);
        this.places.set(event.block, block.start);
      } else if (event.kind === "give") {
        const block = taken.get(event.block);
        if (block !== undefined) space.release(block);
      }
    }
    this.dataAt = end;
    this.memoryBytes = end;
    for (const [i, constant] of a.constants.entries()) {
      const start = this.append(arena.u8.slice(constant.start, constant.start + constant.size));
      this.regions.push({ a: constant, b: b.constants[i]!, start });
    }
  }

  /** The steps for events; of those of a setup only what makes blocks that stay. */
  stepsOf(a: readonly Event[], b: readonly Event[], setup: boolean): ProgramStep[] {
    const staying = new Set<Span>();
    for (const event of a) {
      if (event.kind === "take") staying.add(event.block);
      if (event.kind === "give") staying.delete(event.block);
    }
    const steps: ProgramStep[] = [];
    for (const [x, y] of paired(a, b)) {
      this.follow(x, y);
      if (setup && !(x.kind === "call" && [...staying].some((span) => holds(span, x.args[0]!)))) continue;
      const step = this.stepOf(x, y);
      if (step !== null) steps.push(step);
    }
    return steps;
  }

  /** Where the program has what lies at two addresses. */
  address(a: number, b: number): number {
    const region = this.regions.find((r) => holds(r.a, a) && holds(r.b, b) && a - r.a.start === b - r.b.start);
    if (region === undefined)
      throw new RuntimeError(OP, `a kernel gets ${a}, then ${b}: the model's calls differ from run to run`);
    return region.start + a - region.a.start;
  }

  /** Keeps the regions up to date. */
  private follow(a: Event, b: Event): void {
    if (a.kind === "take" && b.kind === "take") {
      this.regions.push({ a: a.block, b: b.block, start: this.places.get(a.block)! });
    } else if (a.kind === "give") {
      this.regions = this.regions.filter((region) => region.a !== a.block);
    }
  }

  private stepOf(a: Event, b: Event): ProgramStep | null {
    if (a.kind === "call" && b.kind === "call") {
      const args = a.args.map((value, i) => this.value(value, b.args[i]!));
      const addressed = a.args.some((value, i) => value !== b.args[i] && !Number.isNaN(value));
      // What a kernel says of sizes alone has gone into the calls that follow.
      if (a.result !== undefined && !addressed) return null;
      const result = a.result === undefined ? [] : [this.value(a.result, b.result!)];
      return [this.kernel(a.kernel), ...[...args, ...result].map(operand)];
    }
    if (a.kind === "write" && b.kind === "write") {
      const words = a.words.map((word, i) => this.value(word, b.words[i]!));
      return [COPY, this.address(a.at, b.at), this.constant(new Uint8Array(words.buffer)), 4 * words.length];
    }
    if (a.kind === "expect" && b.kind === "expect") {
      return [EXPECT, this.address(a.at, b.at), this.constant(a.bytes), a.bytes.length];
    }
    return null;
  }

  private value(a: number, b: number): number {
    return Object.is(a, b) ? a : this.address(a, b);
  }

  private kernel(name: string): number {
    const at = this.kernels.indexOf(name);
    return at < 0 ? this.kernels.push(name) - 1 : at;
  }

  /** The address of bytes that are the same in every run. */
  private constant(bytes: Uint8Array): number {
    const key = bytes.join();
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const at = this.append(bytes);
    this.known.set(key, at);
    return at;
  }

  /** Puts bytes behind the data there are, up to a multiple of the alignment with some bytes that nobody reads for a value. */
  private append(bytes: Uint8Array): number {
    const at = this.memoryBytes;
    const padded = new Uint8Array(Math.ceil((bytes.length + 1) / ALIGN) * ALIGN);
    padded.set(bytes);
    this.data.push(padded);
    this.memoryBytes += padded.length;
    return at;
  }
}

function holds({ start, size }: Span, address: number): boolean {
  return address >= start && address < start + Math.max(size, 1);
}

/** The events of two recordings side by side. Errors: RuntimeError if they are not alike. */
function paired(a: readonly Event[], b: readonly Event[]): readonly (readonly [Event, Event])[] {
  return a.map((x, i) => {
    const y = b[i];
    const alike =
      y !== undefined &&
      a.length === b.length &&
      x.kind === y.kind &&
      (x.kind !== "call" || (y.kind === "call" && x.kernel === y.kernel && x.args.length === y.args.length)) &&
      (x.kind !== "write" || (y.kind === "write" && x.words.length === y.words.length));
    if (alike) return [x, y] as const;
    throw new RuntimeError(OP, "the model's calls differ from run to run");
  });
}
