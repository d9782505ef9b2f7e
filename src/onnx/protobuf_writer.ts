/** Byte strings from this size on, such as weights, are copied once, at the end, however deep they lie in messages. */
const LARGE = 4096;

/** Writes the wire format of Protocol Buffers: large byte strings as they are, all else into a buffer that grows. */
export class ProtoWriter {
  /** What is in front of the buffer. */
  private readonly parts: Uint8Array[] = [];
  private buffer = new Uint8Array(256);
  private length = 0;

  /** What was written. */
  finish(): Uint8Array {
    const parts = this.close();
    const out = new Uint8Array(sizeOf(parts));
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** All that was written, in parts. */
  private close(): readonly Uint8Array[] {
    if (this.length > 0) this.parts.push(this.buffer.slice(0, this.length));
    this.length = 0;
    return this.parts;
  }

  bytes(number: number, value: Uint8Array): void {
    this.varint(number * 8 + 2);
    this.varint(value.length);
    this.raw(value);
  }

  int(number: number, value: number): void {
    this.varint(number * 8);
    this.varint(value);
  }

  float(number: number, value: number): void {
    this.varint(number * 8 + 5);
    this.float32(value);
  }

  nested(number: number, write: (inner: ProtoWriter) => void): void {
    const inner = new ProtoWriter();
    write(inner);
    const parts = inner.close();
    this.varint(number * 8 + 2);
    this.varint(sizeOf(parts));
    for (const part of parts) this.raw(part);
  }

  float32(value: number): void {
    this.fixed(4, (view) => view.setFloat32(0, value, true));
  }

  float64(value: number): void {
    this.fixed(8, (view) => view.setFloat64(0, value, true));
  }

  /** An integer; a negative one in ten bytes, as 64 bits. */
  varint(value: number): void {
    let low = value >>> 0;
    let high = Math.floor(value / 2 ** 32) >>> 0;
    this.reserve(10);
    while (high > 0 || low > 0x7f) {
      this.buffer[this.length++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | ((high & 0x7f) << 25)) >>> 0;
      high >>>= 7;
    }
    this.buffer[this.length++] = low;
  }

  private fixed(count: number, set: (view: DataView) => void): void {
    this.reserve(count);
    set(new DataView(this.buffer.buffer, this.length, count));
    this.length += count;
  }

  private raw(value: Uint8Array): void {
    if (value.length >= LARGE) {
      this.close();
      this.parts.push(value);
      return;
    }
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  /** Doubling keeps the cost of growing proportional to what is written. */
  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(2 * this.buffer.length, this.length + count));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
