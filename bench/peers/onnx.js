// Writes the few ONNX models that the benchmarks need. An ONNX file is a Protocol Buffers message; its encoding is small enough to be
// written here. Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3

const utf8 = new TextEncoder();

/** A message is a list of parts; lengths in front of parts need their size first. */
const concat = (parts) => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

const varint = (value) => {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
};

const int = (field, value) => concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => concat([varint((field << 3) | 2), varint(value.length), value]);
const text = (field, value) => bytes(field, utf8.encode(value));
const message = (field, ...parts) => bytes(field, concat(parts));

// Of AttributeProto.
const INT = 2;
const STRING = 3;
const INTS = 7;
// Of TensorProto.
const FLOAT = 1;
const INT64 = 7;

/** AttributeProto: a text, an integer, or a list of integers. */
const attribute = ([name, value]) => {
  const typed = (type, ...fields) => message(5, text(1, name), ...fields, int(20, type));
  if (Array.isArray(value)) return typed(INTS, ...value.map((v) => int(8, v)));
  return typeof value === "string" ? typed(STRING, text(4, value)) : typed(INT, int(3, value));
};

/** TensorProto: dims, data_type, name, raw_data. */
const initializer = (name, { shape, data }) =>
  message(
    5,
    ...shape.map((n) => int(1, n)),
    int(2, data instanceof BigInt64Array ? INT64 : FLOAT),
    text(8, name),
    bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );

/** ValueInfoProto: name, and type → tensor_type → elem_type, shape → dim → dim_value. */
const valueInfo = (field, name, shape) =>
  message(
    field,
    text(1, name),
    message(2, message(1, int(1, FLOAT), message(2, ...shape.map((n) => message(1, int(1, n)))))),
  );

/** Collects the nodes of a graph; names of values are made up. */
export class OnnxGraph {
  #parts = [];
  #count = 0;

  /** A graph input. */
  input(name, shape) {
    this.#parts.push(valueInfo(11, name, shape));
    return name;
  }

  /** A constant. */
  constant(values) {
    const name = `c${this.#count++}`;
    this.#parts.push(initializer(name, values));
    return name;
  }

  /** A constant list of integers. */
  integers(...list) {
    return this.constant({ shape: [list.length], data: BigInt64Array.from(list, BigInt) });
  }

  /** A constant number. */
  number(value) {
    return this.constant({ shape: [], data: Float32Array.of(value) });
  }

  /** A node, the name of whose first output is returned. An input that is left out is "". */
  node(op, inputs, attributes = {}) {
    const output = `v${this.#count++}`;
    const parts = [...inputs.map((name) => text(1, name)), text(2, output), text(4, op)];
    this.#parts.push(message(1, ...parts, ...Object.entries(attributes).map(attribute)));
    return output;
  }

  /** The bytes of a model file whose one output is `name`. */
  finish(name, shape) {
    const graph = message(7, text(2, "bench"), ...this.#parts, valueInfo(12, name, shape));
    // ir_version 8, the default operator set at version 17.
    return concat([int(1, 8), graph, message(8, text(1, ""), int(2, 17))]);
  }
}
