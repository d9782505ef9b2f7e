import { FormatError } from "../errors.js";

// A kernel binary for unshared memory and one for shared memory differ in one flag: that of the memory import. So one file serves both.

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const IMPORT_SECTION = 2;
/** Kinds of imports, in the order of their numbers. */
const [FUNCTION, TABLE, MEMORY, GLOBAL] = [0, 1, 2, 3];
/** Flags of limits: whether a maximum follows, and whether the memory is shared, which needs one. */
const [WITH_MAXIMUM, SHARED] = [1, 3];

/** Walks over bytes that may be anything; every read is checked against the end. */
class Reader {
  at = 0;
  constructor(
    readonly bytes: Uint8Array,
    readonly end: number,
  ) {}

  byte(): number {
    if (this.at >= this.end) throw broken("it ends early");
    return this.bytes[this.at++]!;
  }

  /** An unsigned number of at most 32 bits, seven of them a byte. */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = this.byte();
      value += (b & 127) * 2 ** shift;
      if (b < 128) return value;
    }
    throw broken("a number is too long");
  }

  skip(count: number): void {
    if (count > this.end - this.at) throw broken("it ends early");
    this.at += count;
  }
}

function broken(what: string): FormatError {
  return new FormatError("init", `not a kernel binary: ${what}`);
}

/** The same module for a shared memory: a copy of the bytes with one flag set. Errors: FormatError if they are not such a module. */
export function withSharedMemory(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(module);
  if (HEADER.some((b, i) => copy[i] !== b)) throw broken("the header is not WebAssembly's");
  const flag = memoryFlag(copy);
  if (copy[flag] !== SHARED && copy[flag] !== WITH_MAXIMUM) {
    throw broken(`its memory has limits of kind ${copy[flag]}; expected a maximum`);
  }
  copy[flag] = SHARED;
  return copy;
}

/** Where the flag of the imported memory's limits stands. */
function memoryFlag(bytes: Uint8Array): number {
  const sections = new Reader(bytes, bytes.length);
  sections.skip(HEADER.length);
  while (sections.at < bytes.length) {
    const id = sections.byte();
    const size = sections.number();
    const start = sections.at;
    sections.skip(size);
    if (id !== IMPORT_SECTION) continue;
    const reader = new Reader(bytes, sections.at);
    reader.at = start;
    for (let left = reader.number(); left > 0; left--) {
      reader.skip(reader.number());
      reader.skip(reader.number());
      const kind = reader.byte();
      if (kind === MEMORY) {
        reader.byte();
        return reader.at - 1;
      }
      skipImport(reader, kind);
    }
  }
  throw broken("it imports no memory");
}

function skipImport(reader: Reader, kind: number): void {
  if (kind === FUNCTION) reader.number();
  else if (kind === GLOBAL) reader.skip(2);
  else if (kind === TABLE) {
    reader.skip(1);
    const limits = reader.byte();
    reader.number();
    if (limits & 1) reader.number();
  } else throw broken(`an import is of kind ${kind}`);
}
