import { FormatError } from "../errors.js";

/** Messages within messages: what real graphs need is far below. */
const MAX_DEPTH = 64;
/** Messages that a small file may hold, and how many bytes each further one must account for. */
const FREE_MESSAGES = 50_000;
const BYTES_PER_MESSAGE = 8;

/**
 * Reads the wire format of Protocol Buffers within bounds: no length beyond the bytes, no nesting beyond MAX_DEPTH, no more messages
 * than the size of the file can justify. What it returns of the bytes are views, so that nothing is copied at any depth.
 */
export class ProtoReader {
  private at = 0;
  private end: number;
  private depth = 0;
  private budget: number;
  private readonly view: DataView;

  constructor(
    private readonly source: Uint8Array,
    /** What is being read, for messages. */
    private readonly what: string,
  ) {
    this.end = source.length;
    this.budget = FREE_MESSAGES + source.length / BYTES_PER_MESSAGE;
    this.view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  /** True at the end of the message that is being read. */
  get done(): boolean {
    return this.at >= this.end;
  }

  fail(message: string): never {
    throw new FormatError("onnx", `${this.what} at byte ${this.at}: ${message}`);
  }

  /** Begins a message, as far as bounds allow. */
  enter(): void {
    if (++this.depth > MAX_DEPTH) this.fail(`messages are nested deeper than ${MAX_DEPTH}`);
    this.spend();
  }

  /** Accounts for an object that few bytes can ask for: a message, or a view that stays. */
  spend(): void {
    if (--this.budget < 0) this.fail("there are more messages and lists than the size of the file can justify");
  }

  leave(): void {
    this.depth--;
  }

  /** Number of the next field and how it lies on the wire. */
  tag(): [number: number, wire: number] {
    const key = this.unsigned();
    const number = Math.floor(key / 8);
    if (number < 1 || number > 2 ** 29 - 1) this.fail(`field number ${number}; expected 1 to 2^29 - 1`);
    return [number, key % 8];
  }

  /** A varint as an unsigned integer; beyond 2^53 the nearest number. */
  unsigned(): number {
    const [low, high] = this.words();
    return high * 2 ** 32 + low;
  }

  /** A varint as a signed one of 64 bits; beyond 2^53 the nearest number. */
  varint(): number {
    const [low, high] = this.words();
    return (high | 0) * 2 ** 32 + low;
  }

  float32(): number {
    return this.view.getFloat32(this.advance(4), true);
  }

  float64(): number {
    return this.view.getFloat64(this.advance(8), true);
  }

  /** The bytes of a field with a length: a view. */
  bytes(): Uint8Array {
    const length = this.unsigned();
    const start = this.advance(length);
    return this.source.subarray(start, start + length);
  }

  /** Runs `read` on a field with a length as if it were all there is. */
  within<T>(read: () => T): T {
    const length = this.unsigned();
    const start = this.advance(length);
    const outer = this.end;
    this.at = start;
    this.end = start + length;
    const value = read();
    this.at = this.end;
    this.end = outer;
    return value;
  }

  /** Passes over a field that nobody asks for. */
  skip(wire: number): void {
    if (wire === 0) this.words();
    else if (wire === 1) this.advance(8);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.advance(4);
    else this.fail(`wire type ${wire}; expected 0, 1, 2 or 5`);
  }

  /** Moves on by `count` bytes and returns where they start. */
  private advance(count: number): number {
    if (count > this.end - this.at) this.fail(`${count} bytes are announced, ${this.end - this.at} are left`);
    const start = this.at;
    this.at += count;
    return start;
  }

  /** The lower and upper 32 bits of a varint. */
  private words(): [low: number, high: number] {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.source[this.advance(1)]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) return [low >>> 0, high >>> 0];
    }
    return this.fail("a varint is longer than 10 bytes");
  }
}
