// A restricted reader of Python's pickles, protocols 0 to 5 as far as PyTorch writes them. It executes nothing: a name that the pickle
// asks for is looked up in a table of what is known, and there is nothing else that it could call.
// (Python, Lib/pickletools.py, describes the opcodes.)
import { FormatError } from "../errors.js";

/** What a pickle holds. Tuples and lists are arrays, dicts are maps; other objects are what the caller's globals make. */
export type Pickled = null | boolean | number | bigint | string | Uint8Array | object;

/** Something that a pickle may name and call. */
export type PickleGlobal = (args: readonly Pickled[]) => Pickled;

export interface PickleOptions {
  /** By "module name". A function is what may be called, anything else a value. */
  readonly globals: ReadonlyMap<string, PickleGlobal | { readonly value: Pickled }>;
  /** Makes the object that a persistent id stands for. */
  persistent(id: Pickled): Pickled;
}

/** Where arguments begin. */
const MARK = Symbol("mark");

type Item = Pickled | typeof MARK | Callable;

/** A name that the pickle has looked up and may call. */
class Callable {
  constructor(
    readonly name: string,
    readonly call: PickleGlobal,
  ) {}
}

/** Bytes of an integer at most: PyTorch writes none that is longer. */
const MOST_INTEGER_BYTES = 16;

/** Reads a pickle. Errors: FormatError for a name that is not in `globals`, for opcodes that build other objects, and for bytes that are no pickle. */
export function unpickle(op: string, bytes: Uint8Array, options: PickleOptions): Pickled {
  return new Unpickler(op, bytes, options).run();
}

class Unpickler {
  private at = 0;
  private readonly view: DataView;
  private readonly stack: Item[] = [];
  private readonly memo = new Map<number, Item>();

  constructor(
    private readonly op: string,
    private readonly bytes: Uint8Array,
    private readonly options: PickleOptions,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Pickled {
    for (;;) {
      const code = this.byte();
      if (code === 0x2e) return this.result();
      const step = OPCODES.get(code);
      if (step === undefined) throw this.error(`has the opcode 0x${code.toString(16)}, which builds what is no tensor`);
      step(this);
    }
  }

  private result(): Pickled {
    const value = this.value();
    if (this.stack.length > 0) throw this.error(`leaves ${this.stack.length} values behind`);
    return value;
  }

  error(problem: string): FormatError {
    return new FormatError(this.op, `pickle ${problem} (byte ${this.at})`);
  }

  byte(): number {
    if (this.at >= this.bytes.length) throw this.error("ends too soon");
    return this.bytes[this.at++]!;
  }

  uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  count64(): number {
    const n = this.view.getBigUint64(this.take(8), true);
    if (n > BigInt(this.bytes.length)) throw this.error(`claims ${n} bytes of ${this.bytes.length}`);
    return Number(n);
  }

  float64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  raw(n: number): Uint8Array {
    const from = this.take(n);
    return this.bytes.subarray(from, from + n);
  }

  text(n: number): string {
    const raw = this.raw(n);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(raw);
    } catch {
      throw this.error("holds a text that is no UTF-8");
    }
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.error("ends in the middle of a line");
    const found = this.text(end - this.at);
    this.at++;
    return found;
  }

  integer(n: number): number | bigint {
    if (n > MOST_INTEGER_BYTES)
      throw this.error(`holds an integer of ${n} bytes; expected at most ${MOST_INTEGER_BYTES}`);
    const raw = this.raw(n);
    let value = 0n;
    for (let i = n - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]!);
    return small(BigInt.asIntN(8 * n, value));
  }

  parsed(line: string): number | bigint {
    if (!/^[+-]?\d{1,39}L?$/.test(line)) throw this.error(`holds ${JSON.stringify(line)} for an integer`);
    return small(BigInt(line.replace(/^\+|L$/g, "")));
  }

  /** Moves on by n bytes and returns where they begin. */
  private take(n: number): number {
    const from = this.at;
    if (n > this.bytes.length - from) throw this.error(`ends too soon, ${n} bytes are missing`);
    this.at += n;
    return from;
  }

  push(item: Item): void {
    this.stack.push(item);
  }

  item(): Item {
    const item = this.stack.pop();
    if (item === undefined) throw this.error("takes a value where there is none");
    return item;
  }

  value(): Pickled {
    const item = this.item();
    if (item === MARK || item instanceof Callable) throw this.error("takes a mark or a name for a value");
    return item;
  }

  top(): Item {
    const item = this.item();
    this.push(item);
    return item;
  }

  /** What lies above the last mark, which goes. */
  marked(): Pickled[] {
    const from = this.stack.lastIndexOf(MARK);
    if (from < 0) throw this.error("takes values down to a mark that is not there");
    const items = this.stack.splice(from).slice(1);
    return items.map((item) => {
      if (item === MARK || item instanceof Callable) throw this.error("takes a name for a value");
      return item;
    });
  }

  fixed(n: number): Pickled[] {
    const items = Array.from({ length: n }, () => this.value());
    return items.reverse();
  }

  save(index: number): void {
    this.memo.set(index, this.top());
  }

  get memoized(): number {
    return this.memo.size;
  }

  recall(index: number): void {
    const item = this.memo.get(index);
    if (item === undefined) throw this.error(`asks for the object ${index}, which it has not made`);
    this.push(item);
  }

  list(): Pickled[] {
    const list = this.top();
    if (!Array.isArray(list) || Object.isFrozen(list)) throw this.error("appends to what is no list");
    return list;
  }

  dict(): Map<Pickled, Pickled> {
    const dict = this.top();
    if (!(dict instanceof Map)) throw this.error("sets an item of what is no dict");
    return dict;
  }

  setItems(items: readonly Pickled[]): void {
    const dict = this.dict();
    if (items.length % 2 !== 0) throw this.error("has a key without a value");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  find(module: string, name: string): void {
    const full = `${module} ${name}`;
    const known = this.options.globals.get(full);
    if (known === undefined) {
      throw this.error(
        `asks for ${module}.${name}; only tensors and plain containers are read, and nothing is executed`,
      );
    }
    this.push(typeof known === "function" ? new Callable(full, known) : known.value);
  }

  call(): void {
    const args = this.value();
    const callable = this.item();
    if (!(callable instanceof Callable)) throw this.error("calls what is no known name");
    if (!Array.isArray(args)) throw this.error(`calls ${callable.name} with no tuple`);
    this.push(callable.call(args));
  }

  persistent(): void {
    this.push(this.options.persistent(this.value()));
  }
}

function small(value: bigint): number | bigint {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}

function tuple(items: Pickled[]): Pickled {
  return Object.freeze(items);
}

type Step = (p: Unpickler) => void;

const OPCODES: ReadonlyMap<number, Step> = new Map<number, Step>(
  Object.entries<Step>({
    // Integers, numbers, constants.
    N: (p) => p.push(null),
    "\x88": (p) => p.push(true),
    "\x89": (p) => p.push(false),
    I: (p) => {
      const line = p.line();
      p.push(line === "00" ? false : line === "01" ? true : p.parsed(line));
    },
    L: (p) => p.push(p.parsed(p.line())),
    J: (p) => p.push(p.int32()),
    K: (p) => p.push(p.byte()),
    M: (p) => p.push(p.uint16()),
    "\x8a": (p) => p.push(p.integer(p.byte())),
    "\x8b": (p) => p.push(p.integer(p.uint32())),
    G: (p) => p.push(p.float64()),
    // Texts and bytes; Python 2's strings are taken for texts.
    X: (p) => p.push(p.text(p.uint32())),
    "\x8c": (p) => p.push(p.text(p.byte())),
    "\x8d": (p) => p.push(p.text(p.count64())),
    U: (p) => p.push(p.text(p.byte())),
    T: (p) => p.push(p.text(p.uint32())),
    B: (p) => p.push(p.raw(p.uint32())),
    C: (p) => p.push(p.raw(p.byte())),
    "\x8e": (p) => p.push(p.raw(p.count64())),
    // Containers.
    "(": (p) => p.push(MARK),
    ")": (p) => p.push(tuple([])),
    "\x85": (p) => p.push(tuple(p.fixed(1))),
    "\x86": (p) => p.push(tuple(p.fixed(2))),
    "\x87": (p) => p.push(tuple(p.fixed(3))),
    t: (p) => p.push(tuple(p.marked())),
    "]": (p) => p.push([]),
    l: (p) => p.push(p.marked()),
    a: (p) => {
      const value = p.value();
      p.list().push(value);
    },
    e: (p) => {
      const values = p.marked();
      const list = p.list();
      for (const value of values) list.push(value);
    },
    "}": (p) => p.push(new Map()),
    d: (p) => {
      const items = p.marked();
      p.push(new Map());
      p.setItems(items);
    },
    s: (p) => {
      const value = p.value();
      const key = p.value();
      p.dict().set(key, value);
    },
    u: (p) => p.setItems(p.marked()),
    "\x8f": (p) => p.push(new Set()),
    "\x90": (p) => {
      const values = p.marked();
      const set = p.top();
      if (!(set instanceof Set)) throw p.error("adds to what is no set");
      for (const value of values) set.add(value);
    },
    // What has been made before.
    p: (p) => p.save(Number(p.parsed(p.line()))),
    q: (p) => p.save(p.byte()),
    r: (p) => p.save(p.uint32()),
    "\x94": (p) => p.save(p.memoized),
    g: (p) => p.recall(Number(p.parsed(p.line()))),
    h: (p) => p.recall(p.byte()),
    j: (p) => p.recall(p.uint32()),
    "0": (p) => void p.item(),
    // Names, calls, objects.
    c: (p) => p.find(p.line(), p.line()),
    "\x93": (p) => {
      const [module, name] = p.fixed(2);
      if (typeof module !== "string" || typeof name !== "string") throw p.error("looks up what is no name");
      p.find(module, name);
    },
    R: (p) => p.call(),
    Q: (p) => p.persistent(),
    b: (p) => {
      // Attributes of an ordered dict, such as a state dict's versions of its modules, are no part of it.
      p.value();
      p.dict();
    },
    // The protocol, and frames of it.
    "\x80": (p) => {
      const version = p.byte();
      if (version > 5) throw p.error(`is of protocol ${version}; expected at most 5`);
    },
    "\x95": (p) => void p.count64(),
  }).map(([name, step]) => [name.charCodeAt(0), step]),
);
