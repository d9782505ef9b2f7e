import { FormatError } from "../errors.js";
import type { AttributeProto, GraphProto, TensorProto } from "./messages.js";
import { numbersIn } from "./protobuf.js";

/** An attribute's value by the type under which a node may ask for it. */
export interface Attribute {
  readonly int?: number;
  readonly float?: number;
  readonly string?: string;
  readonly tensor?: TensorProto;
  readonly graph?: GraphProto;
  readonly ints?: readonly number[];
  readonly floats?: readonly number[];
  readonly strings?: readonly string[];
}

const decoder = new TextDecoder();

/** AttributeProto.AttributeType. */
const READERS: Readonly<Record<number, (a: AttributeProto) => Attribute>> = {
  1: (a) => ({ float: a.f }),
  2: (a) => ({ int: a.i }),
  3: (a) => ({ string: decoder.decode(a.s ?? new Uint8Array()) }),
  4: (a) => (a.t === null ? {} : { tensor: a.t }),
  5: (a) => (a.g === null ? {} : { graph: a.g }),
  6: (a) => ({ floats: numbersIn(a.floats, "float") }),
  7: (a) => ({ ints: numbersIn(a.ints, "int") }),
  8: (a) => ({ strings: a.strings.map((s) => decoder.decode(s)) }),
  // A type, as of an optional value that is not there: nothing depends on it.
  13: () => ({}),
};

/** Errors: FormatError for types that no supported operator has. `node` is for messages. */
export function readAttribute(proto: AttributeProto, node: string): Attribute {
  const read = READERS[proto.type === 0 ? guessType(proto) : proto.type];
  if (read !== undefined) return read(proto);
  throw new FormatError("onnx", `node "${node}": attribute "${proto.name}" has the unsupported type ${proto.type}`);
}

/** Files before IR version 2 do not say the type: it is that of the field which is set. */
function guessType(a: AttributeProto): number {
  if (a.t !== null) return 4;
  if (a.g !== null) return 5;
  if (a.floats.length > 0) return 6;
  if (a.ints.length > 0) return 7;
  if (a.strings.length > 0) return 8;
  if (a.s !== null) return 3;
  return a.f !== 0 ? 1 : 2;
}
