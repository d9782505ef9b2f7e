import { type Binary, probe } from "../backend/probe.js";
import {
  bytesFrom,
  bytesOfSource,
  codeOf,
  compileBytes,
  compileBytesSync,
  files,
  identityOf,
  type KernelSource,
  kernelsUrl,
} from "../backend/source.js";
import { checkNames, checkOptions } from "../check.js";
import { DTypeError, FormatError, RuntimeError, ShapeError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import { arrayType, type DataArray } from "../types.js";
import { type Header, type PlacedValue, type ProgramValue, readProgram } from "./format.js";
import { type Call, stepsOf } from "./steps.js";

export interface ProgramOptions {
  /**
   * The kernels that the program is for: a compiled module (the only way on Cloudflare Workers), bytes, an address or a Response. Default: the
   * package's own file.
   */
  readonly kernels?: KernelSource;
}

export interface ProgramSyncOptions {
  /** The kernels that the program is for, compiled or not. Default in Node: the package's own file. */
  readonly kernels?: WebAssembly.Module | BufferSource;
}

/** Inputs, by name: typed arrays of their dtypes (Float32Array, Int32Array, Uint8Array for bool), row-major. */
export type ProgramFeeds = Readonly<Record<string, DataArray>>;

const PAGE = 65536;
const MAX_PAGES = 65536;
/** Behind the last address, for vector tails that over-read. */
const SLACK = 64;

/** Compiled once, for every program. */
const ownKernels = new Map<Binary, WebAssembly.Module>();

/**
 * A compiled model from a file that `session.toProgram` or `quadlane compile` has made: weights, and the kernel calls of one run, for fixed
 * shapes. Nothing of the rest of the library is needed to run it, and no tensor of it exists: typed arrays go in and come out. Each program
 * has a memory of its own, which kernels cannot leave; it goes when the program is collected.
 *
 * A file belongs to the version of the library, and to the kernel binary, that it was made with: keep the model, and compile it again. Steps
 * are run as they are, so that a file made to do harm can keep the thread busy, though not reach anything: load programs of your own.
 */
export class Program {
  readonly inputs: readonly ProgramValue[];
  readonly outputs: readonly ProgramValue[];
  /** Bytes of its memory: weights, their packed forms, work space. */
  readonly memoryBytes: number;
  private readonly memory: WebAssembly.Memory;
  private readonly calls: readonly Call[];
  private readonly placedInputs: readonly PlacedValue[];
  private readonly placedOutputs: readonly PlacedValue[];

  private constructor(op: string, header: Header, data: Uint8Array, module: WebAssembly.Module) {
    const { binary, version } = identityOf(op, module);
    if (version !== header.version) {
      throw new FormatError(
        op,
        `the program is for kernels ${header.version}, and these are ${version}; compile the model again`,
      );
    }
    if (binary !== header.binary) {
      throw new FormatError(
        op,
        `the program is for the ${header.binary} kernels; expected those, got the ${binary} ones`,
      );
    }
    const pages = Math.ceil((header.memoryBytes + SLACK) / PAGE);
    const [memory, instance] = instantiate(op, module, pages);
    for (const value of [...header.inputs, ...header.outputs]) checkPlace(op, value, header.memoryBytes);
    const { setup, run } = stepsOf(op, header, instance.exports, memory);
    new Uint8Array(memory.buffer).set(data, header.dataAt);
    perform(op, setup);
    this.memory = memory;
    this.memoryBytes = memory.buffer.byteLength;
    this.calls = run;
    this.placedInputs = header.inputs;
    this.placedOutputs = header.outputs;
    this.inputs = header.inputs.map(publicOf);
    this.outputs = header.outputs.map(publicOf);
  }

  /**
   * Makes a program ready to run. `source` is the file's bytes, or an address or Response that has them. Errors: FormatError for anything but a
   * whole program, or one of another version of the kernels; RuntimeError if something cannot be fetched, or no kernels run here.
   */
  static async load(source: BufferSource | URL | string | Response, options: ProgramOptions = {}): Promise<Program> {
    const op = "Program.load";
    checkOptions(op, options, ["kernels"]);
    const { header, data } = readProgram(op, await bytesFrom(op, source));
    return new Program(op, header, data, await compiled(op, options.kernels, header.binary));
  }

  /** The same at once, where bytes may be compiled synchronously: in Node, or with a compiled module. Errors: as `load`. */
  static loadSync(source: BufferSource, options: ProgramSyncOptions = {}): Program {
    const op = "Program.loadSync";
    checkOptions(op, options, ["kernels"]);
    const { header, data } = readProgram(op, bytesOfSource(op, source));
    return new Program(op, header, data, compiledSync(op, options.kernels, header.binary));
  }

  /**
   * Computes the outputs, by name, from the inputs, by name. The arrays are new ones. Errors, before anything is written: ArgumentError for an
   * unknown or missing name; DTypeError for an array of another type; ShapeError for another number of elements. RuntimeError if a value
   * would lead the model another way than the one it was compiled for, as an index out of range does.
   */
  run(feeds: ProgramFeeds): Record<string, DataArray> {
    this.execute("run", feeds);
    const result: Record<string, DataArray> = {};
    for (const output of this.placedOutputs) result[output.name] = this.view(output).slice();
    return result;
  }

  /** As `run`, into arrays of the caller's, for some of the outputs or all. Nothing is allocated. Errors: as `run`, for the targets too. */
  runInto(feeds: ProgramFeeds, targets: ProgramFeeds): void {
    const op = "runInto";
    checkArrays(op, "output", targets, this.placedOutputs, false);
    this.execute(op, feeds);
    for (const output of this.placedOutputs) targets[output.name]?.set(this.view(output));
  }

  /** Inputs and outputs. */
  toString(): string {
    const list = (values: readonly ProgramValue[]): string =>
      values.map(({ name, dtype, shape }) => `${name}: ${dtype} ${formatShape(shape)}`).join(", ");
    return `Program(${list(this.inputs)} → ${list(this.outputs)}; ${this.calls.length} steps, ${this.memoryBytes} bytes)`;
  }

  private execute(op: string, feeds: ProgramFeeds): void {
    checkArrays(op, "input", feeds, this.placedInputs, true);
    for (const input of this.placedInputs) {
      const to = this.view(input);
      const from = feeds[input.name]!;
      if (input.dtype !== "bool") to.set(from);
      else for (let i = 0; i < to.length; i++) to[i] = from[i] === 0 ? 0 : 1;
    }
    perform(op, this.calls);
  }

  private view({ at, dtype, shape }: PlacedValue): DataArray {
    return new (arrayType(dtype))(this.memory.buffer, at, numel(shape));
  }
}

function perform(op: string, calls: readonly Call[]): void {
  try {
    for (let i = 0; i < calls.length; i++) calls[i]!();
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    throw new RuntimeError(op, `a step of the program fails: ${error.message}; expected a program as it was made`);
  }
}

function checkPlace(op: string, { name, at, dtype, shape }: PlacedValue, memoryBytes: number): void {
  const { BYTES_PER_ELEMENT: size } = arrayType(dtype);
  if (at % size === 0 && at + size * numel(shape) <= memoryBytes) return;
  throw new FormatError(
    op,
    `"${name}" ${formatShape(shape)} at ${at} lies outside of the memory of ${memoryBytes} bytes`,
  );
}

function publicOf({ name, dtype, shape }: PlacedValue): ProgramValue {
  return { name, dtype, shape };
}

/** Refuses names that nobody has and arrays that do not fit; with `every`, missing ones too. */
function checkArrays(
  op: string,
  what: "input" | "output",
  given: ProgramFeeds,
  values: readonly PlacedValue[],
  every: boolean,
): void {
  const names = values.map((value) => value.name);
  checkNames(op, what, given, names, every);
  for (const { name, dtype, shape } of values) {
    if (!Object.hasOwn(given, name)) continue;
    const array: unknown = given[name];
    const type = arrayType(dtype);
    if (!(array instanceof type)) {
      const kind = typeof array === "object" && array !== null ? array.constructor.name : String(array);
      throw new DTypeError(op, `${what} "${name}" is ${kind}; expected a ${type.name} (${dtype})`);
    }
    if (array.length !== numel(shape)) {
      throw new ShapeError(
        op,
        `${what} "${name}" has ${array.length} values; expected ${numel(shape)} for ${formatShape(shape)}`,
      );
    }
  }
}

/** Kernels on a memory of their own. Those of threads want one that is shared. */
function instantiate(
  op: string,
  module: WebAssembly.Module,
  pages: number,
): [WebAssembly.Memory, WebAssembly.Instance] {
  const on = (memory: WebAssembly.Memory): [WebAssembly.Memory, WebAssembly.Instance] => [
    memory,
    new WebAssembly.Instance(module, { env: { memory } }),
  ];
  const limits = { initial: pages, maximum: MAX_PAGES };
  try {
    return on(new WebAssembly.Memory(limits));
  } catch (error) {
    if (error instanceof RangeError) throw new RuntimeError(op, `there is no memory of ${pages * PAGE} bytes`);
    if (!(error instanceof WebAssembly.LinkError)) throw error;
    return on(new WebAssembly.Memory({ ...limits, maximum: pages, shared: true }));
  }
}

/** Refuses a binary that cannot run here. */
function checkBinary(op: string, wanted: Binary): void {
  const { binary, why } = probe();
  if (binary === null || (wanted !== "simd" && binary === "simd")) {
    throw new RuntimeError(op, `the program is for the ${wanted} kernels, which cannot run here: ${why}`);
  }
}

async function compiled(op: string, given: KernelSource | undefined, binary: Binary): Promise<WebAssembly.Module> {
  if (given === undefined && (ownKernels.has(binary) || files !== null)) return compiledSync(op, undefined, binary);
  if (given === undefined) checkBinary(op, binary);
  const code = await codeOf(op, given ?? kernelsUrl(binary));
  const module = code instanceof WebAssembly.Module ? code : await compileBytes(op, code);
  if (given === undefined) ownKernels.set(binary, module);
  return module;
}

function compiledSync(
  op: string,
  given: WebAssembly.Module | BufferSource | undefined,
  binary: Binary,
): WebAssembly.Module {
  if (given instanceof WebAssembly.Module) return given;
  if (given !== undefined) return compileBytesSync(op, bytesOfSource(op, given));
  const known = ownKernels.get(binary);
  if (known !== undefined) return known;
  if (files === null) throw new RuntimeError(op, "the kernels must be fetched here; expected load(), or { kernels }");
  checkBinary(op, binary);
  const module = compileBytesSync(op, files.kernels(binary));
  ownKernels.set(binary, module);
  return module;
}
