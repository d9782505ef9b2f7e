import { ProtoReader } from "./protobuf_reader.js";
import { ProtoWriter } from "./protobuf_writer.js";

// Messages are tables of fields, read and written by the same table (Protocol Buffers, Encoding, developers.google.com).

/** How one field is read and written. `T` includes its value where the field is absent. */
export interface Field<T> {
  readonly number: number;
  /** The value where the field is absent; shared by all messages, so that an empty message costs little. */
  readonly absent: T;
  /** Reads one occurrence; a field that repeats adds to `before`. */
  read(reader: ProtoReader, wire: number, before: T): T;
  write(writer: ProtoWriter, value: T): void;
}

type Fields<T> = { readonly [N in keyof T]: Field<T[N]> };

/** A message: its fields by property, and what is worked out from them. */
export interface Message<T> {
  readonly fields: Fields<T>;
  readonly names: readonly (keyof T)[];
  readonly byNumber: ReadonlyMap<number, keyof T>;
  /** The message with no field set. */
  readonly absent: T;
}

export function defineMessage<T>(fields: Fields<T>): Message<T> {
  const names = Object.keys(fields) as (keyof T)[];
  return {
    fields,
    names,
    byNumber: new Map(names.map((name) => [fields[name].number, name])),
    absent: Object.fromEntries(names.map((name) => [name, fields[name].absent])) as T,
  };
}

/** A run of numbers as the file holds them; they are decoded once it is known how many there must be. */
export type Packed = readonly (Uint8Array | number[])[];

/** Wire types. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Decodes a message. Errors: FormatError for whatever does not follow the format, or asks for more than the bytes can justify. */
export function decodeMessage<T>(message: Message<T>, bytes: Uint8Array, what: string): T {
  return readMessage(message, new ProtoReader(bytes, what));
}

export function encodeMessage<T>(message: Message<T>, value: T): Uint8Array {
  const writer = new ProtoWriter();
  writeMessage(message, writer, value);
  return writer.finish();
}

function readMessage<T>({ fields, byNumber, absent }: Message<T>, reader: ProtoReader): T {
  const out = { ...absent };
  reader.enter();
  while (!reader.done) {
    const [number, wire] = reader.tag();
    const name = byNumber.get(number);
    if (name === undefined) reader.skip(wire);
    else out[name] = fields[name].read(reader, wire, out[name]);
  }
  reader.leave();
  return out;
}

function writeMessage<T>({ fields, names, absent }: Message<T>, writer: ProtoWriter, value: T): void {
  for (const name of names) if (value[name] !== absent[name]) fields[name].write(writer, value[name]);
}

/** Adds to the list of a repeated field, which is shared until it has an element. */
function added<E>(before: readonly E[], element: E): readonly E[] {
  if (before.length === 0) return [element];
  (before as E[]).push(element);
  return before;
}

function expectWire(reader: ProtoReader, wire: number, ...allowed: number[]): void {
  if (!allowed.includes(wire)) reader.fail(`a field has wire type ${wire}; expected ${allowed.join(" or ")}`);
}

function bytesOf(reader: ProtoReader, wire: number): Uint8Array {
  expectWire(reader, wire, BYTES);
  return reader.bytes();
}

/** A field that occurs once; of several occurrences the last one counts. */
function single<T>(
  number: number,
  absent: T,
  read: (reader: ProtoReader, wire: number) => T,
  write: (writer: ProtoWriter, value: T) => void,
): Field<T> {
  return { number, absent, read: (reader, wire) => read(reader, wire), write };
}

/** A list of what `one` reads. */
function list<E>(one: Field<E>): Field<readonly E[]> {
  return {
    number: one.number,
    absent: [],
    read: (reader, wire, before) => added(before, one.read(reader, wire, one.absent)),
    write: (writer, values) => {
      for (const value of values) one.write(writer, value);
    },
  };
}

/** UTF-8; bytes that are none become the replacement character. */
export function string(number: number): Field<string> {
  return single(
    number,
    "",
    (reader, wire) => decoder.decode(bytesOf(reader, wire)),
    (writer, value) => writer.bytes(number, encoder.encode(value)),
  );
}

export function strings(number: number): Field<readonly string[]> {
  return list(string(number));
}

/** A view of the file's bytes; null where absent. */
export function bytes(number: number): Field<Uint8Array | null> {
  return single<Uint8Array | null>(number, null, bytesOf, (writer, value) => {
    if (value !== null) writer.bytes(number, value);
  });
}

export function byteStrings(number: number): Field<readonly Uint8Array[]> {
  const read = (reader: ProtoReader, wire: number): Uint8Array => {
    reader.spend();
    return bytesOf(reader, wire);
  };
  return list(single(number, new Uint8Array(), read, (writer, value) => writer.bytes(number, value)));
}

/** int32, int64 and enums; beyond 2^53 the nearest number. */
export function int(number: number): Field<number> {
  return single(
    number,
    0,
    (reader, wire) => {
      expectWire(reader, wire, VARINT);
      return reader.varint();
    },
    (writer, value) => writer.int(number, value),
  );
}

/** An int that may be absent. */
export function optionalInt(number: number): Field<number | null> {
  const field = int(number);
  return single<number | null>(
    number,
    null,
    (reader, wire) => field.read(reader, wire, 0),
    (writer, value) => {
      if (value !== null) field.write(writer, value);
    },
  );
}

export function float(number: number): Field<number> {
  return single(
    number,
    0,
    (reader, wire) => {
      expectWire(reader, wire, FIXED32);
      return reader.float32();
    },
    (writer, value) => writer.float(number, value),
  );
}

/** How the elements of a packed field look on the wire. */
const ELEMENTS = {
  int: { wire: VARINT, read: (reader: ProtoReader) => reader.varint() },
  uint: { wire: VARINT, read: (reader: ProtoReader) => reader.unsigned() },
  float: { wire: FIXED32, read: (reader: ProtoReader) => reader.float32() },
  double: { wire: FIXED64, read: (reader: ProtoReader) => reader.float64() },
} as const;

export type ElementKind = keyof typeof ELEMENTS;

/** Numbers in packed or single form. They stay undecoded: see `unpack`. */
export function packed(number: number, kind: ElementKind): Field<Packed> {
  const { wire: own, read } = ELEMENTS[kind];
  return {
    number,
    absent: [],
    read: (reader, wire, before) => {
      expectWire(reader, wire, own, BYTES);
      const last = before.at(-1);
      if (wire !== BYTES && Array.isArray(last)) {
        last.push(read(reader));
        return before;
      }
      reader.spend();
      return added(before, wire === BYTES ? reader.bytes() : [read(reader)]);
    },
    write: (writer, values) => {
      for (const part of values) writer.bytes(number, part instanceof Uint8Array ? part : packedBytes(part, kind));
    },
  };
}

/** Numbers in the form in which a packed field holds them. */
export function packedBytes(values: Iterable<number>, kind: ElementKind): Uint8Array {
  const writer = new ProtoWriter();
  for (const value of values) {
    if (kind === "float") writer.float32(value);
    else if (kind === "double") writer.float64(value);
    else writer.varint(value);
  }
  return writer.finish();
}

/** How many numbers a packed field holds, without decoding them. */
export function countPacked(parts: Packed, kind: ElementKind): number {
  const { wire } = ELEMENTS[kind];
  let count = 0;
  for (const part of parts) {
    if (Array.isArray(part)) count += part.length;
    else if (wire === VARINT) for (const byte of part as Uint8Array) count += byte < 0x80 ? 1 : 0;
    else count += part.length / (wire === FIXED32 ? 4 : 8);
  }
  return count;
}

/** Decodes a packed field into `to`, which holds as many as `countPacked` says, or a list. */
export function unpack(parts: Packed, kind: ElementKind, visit: (value: number, index: number) => void): void {
  const { read } = ELEMENTS[kind];
  let index = 0;
  for (const part of parts) {
    if (Array.isArray(part)) for (const value of part) visit(value, index++);
    else {
      const reader = new ProtoReader(part as Uint8Array, "packed numbers");
      while (!reader.done) visit(read(reader), index++);
    }
  }
}

/** The numbers of a packed field. */
export function numbersIn(parts: Packed, kind: ElementKind): number[] {
  const out: number[] = [];
  unpack(parts, kind, (value) => out.push(value));
  return out;
}

/** A message within a message; `of` is called late, since messages contain each other. Null where absent. */
export function message<T>(number: number, of: () => Message<T>): Field<T | null> {
  return single<T | null>(
    number,
    null,
    (reader, wire) => readNested(of, reader, wire),
    (writer, value) => {
      if (value !== null) writer.nested(number, (inner) => writeMessage(of(), inner, value));
    },
  );
}

export function messages<T>(number: number, of: () => Message<T>): Field<readonly T[]> {
  return {
    number,
    absent: [],
    read: (reader, wire, before) => added(before, readNested(of, reader, wire)),
    write: (writer, values) => {
      for (const value of values) writer.nested(number, (inner) => writeMessage(of(), inner, value));
    },
  };
}

function readNested<T>(of: () => Message<T>, reader: ProtoReader, wire: number): T {
  expectWire(reader, wire, BYTES);
  return reader.within(() => readMessage(of(), reader));
}
