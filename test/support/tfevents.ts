// An independent reader of event files: bit by bit checksums and a small protobuf decoder.

/** CRC-32C without a table, from the polynomial as RFC 3720 has it. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function masked(bytes: Uint8Array): number {
  const crc = BigInt(slowCrc32c(bytes));
  return Number((((crc >> 15n) | ((crc << 17n) & 0xffffffffn)) + 0xa282ead8n) & 0xffffffffn);
}

/** The records of a file, checksums compared. */
export function readRecords(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    if (view.getUint32(at + 8, true) !== masked(file.subarray(at, at + 8))) throw new Error(`length at ${at}`);
    const data = file.subarray(at + 12, at + 12 + length);
    if (view.getUint32(at + 12 + length, true) !== masked(data)) throw new Error(`data at ${at}`);
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** Fields of a message by number, in order; what is not a varint is bytes. */
export class Message {
  private readonly fields = new Map<number, (bigint | Uint8Array)[]>();

  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes[at++]!;
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    const take = (n: number): Uint8Array => {
      at += n;
      return bytes.subarray(at - n, at);
    };
    while (at < bytes.length) {
      const key = Number(varint());
      const wire = key & 7;
      const value = wire === 0 ? varint() : take(wire === 1 ? 8 : wire === 5 ? 4 : Number(varint()));
      const list = this.fields.get(key >> 3) ?? [];
      this.fields.set(key >> 3, [...list, value]);
    }
  }

  has(field: number): boolean {
    return this.fields.has(field);
  }
  bytes(field: number): Uint8Array {
    return this.fields.get(field)![0] as Uint8Array;
  }
  int(field: number): number {
    return Number(this.fields.get(field)![0] as bigint);
  }
  text(field: number): string {
    return new TextDecoder().decode(this.bytes(field));
  }
  message(field: number): Message {
    return new Message(this.bytes(field));
  }
  double(field: number): number {
    return doubles(this.bytes(field))[0]!;
  }
  doubles(field: number): number[] {
    return doubles(this.bytes(field));
  }
  float(field: number): number {
    const b = this.bytes(field);
    return new DataView(b.buffer, b.byteOffset, 4).getFloat32(0, true);
  }
}

function doubles(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
}

/** One value of an event: the event, and its first summary value. */
export function summaryOf(event: Message): { tag: string; step: number; value: Message } {
  const value = event.message(5).message(1);
  return { tag: value.text(1), step: event.has(2) ? event.int(2) : 0, value };
}
