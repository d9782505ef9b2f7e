import {
  byteStrings,
  bytes,
  defineMessage,
  float,
  int,
  type Message,
  message,
  messages,
  optionalInt,
  type Packed,
  packed,
  string,
  strings,
} from "./protobuf.js";

// The messages of onnx.proto (onnx/onnx, IR version 10 and below), as far as a runtime needs them; properties in camel case.

export interface StringEntry {
  readonly key: string;
  readonly value: string;
}

export interface OperatorSetId {
  readonly domain: string;
  readonly version: number;
}

export interface Dimension {
  readonly dimValue: number | null;
  readonly dimParam: string;
}

export interface TensorShape {
  readonly dim: readonly Dimension[];
}

export interface TensorTypeProto {
  readonly elemType: number;
  readonly shape: TensorShape | null;
}

export interface TypeProto {
  /** Null for what is no tensor: sequences, maps, optional and sparse values. */
  readonly tensorType: TensorTypeProto | null;
}

export interface ValueInfoProto {
  readonly name: string;
  readonly type: TypeProto | null;
  readonly docString: string;
}

export interface TensorProto {
  readonly dims: Packed;
  readonly dataType: number;
  readonly floatData: Packed;
  readonly int32Data: Packed;
  readonly stringData: readonly Uint8Array[];
  readonly int64Data: Packed;
  readonly name: string;
  readonly rawData: Uint8Array | null;
  readonly doubleData: Packed;
  readonly uint64Data: Packed;
  readonly externalData: readonly StringEntry[];
  readonly dataLocation: number;
}

export interface AttributeProto {
  readonly name: string;
  readonly f: number;
  readonly i: number;
  readonly s: Uint8Array | null;
  readonly t: TensorProto | null;
  readonly g: GraphProto | null;
  readonly floats: Packed;
  readonly ints: Packed;
  readonly strings: readonly Uint8Array[];
  readonly type: number;
  readonly refAttrName: string;
}

export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name: string;
  readonly opType: string;
  readonly attribute: readonly AttributeProto[];
  readonly domain: string;
  readonly overload: string;
}

export interface GraphProto {
  readonly node: readonly NodeProto[];
  readonly name: string;
  readonly initializer: readonly TensorProto[];
  readonly docString: string;
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  /** Not read further: a graph that has any is refused. */
  readonly sparseInitializer: readonly Uint8Array[];
}

export interface FunctionProto {
  readonly name: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly string[];
  readonly node: readonly NodeProto[];
  readonly opsetImport: readonly OperatorSetId[];
  readonly domain: string;
  readonly attributeProto: readonly AttributeProto[];
  readonly overload: string;
}

export interface ModelProto {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly domain: string;
  readonly modelVersion: number;
  readonly docString: string;
  readonly graph: GraphProto | null;
  readonly opsetImport: readonly OperatorSetId[];
  readonly metadataProps: readonly StringEntry[];
  readonly functions: readonly FunctionProto[];
}

const stringEntry: Message<StringEntry> = defineMessage({ key: string(1), value: string(2) });

const operatorSetId: Message<OperatorSetId> = defineMessage({ domain: string(1), version: int(2) });

const dimension: Message<Dimension> = defineMessage({ dimValue: optionalInt(1), dimParam: string(2) });

const tensorShape: Message<TensorShape> = defineMessage({ dim: messages(1, () => dimension) });

const tensorTypeProto: Message<TensorTypeProto> = defineMessage({
  elemType: int(1),
  shape: message(2, () => tensorShape),
});

const typeProto: Message<TypeProto> = defineMessage({ tensorType: message(1, () => tensorTypeProto) });

export const valueInfoProto: Message<ValueInfoProto> = defineMessage({
  name: string(1),
  type: message(2, () => typeProto),
  docString: string(3),
});

export const tensorProto: Message<TensorProto> = defineMessage({
  dims: packed(1, "int"),
  dataType: int(2),
  floatData: packed(4, "float"),
  int32Data: packed(5, "int"),
  stringData: byteStrings(6),
  int64Data: packed(7, "int"),
  name: string(8),
  rawData: bytes(9),
  doubleData: packed(10, "double"),
  uint64Data: packed(11, "uint"),
  externalData: messages(13, () => stringEntry),
  dataLocation: int(14),
});

export const attributeProto: Message<AttributeProto> = defineMessage({
  name: string(1),
  f: float(2),
  i: int(3),
  s: bytes(4),
  t: message(5, () => tensorProto),
  g: message(6, () => graphProto),
  floats: packed(7, "float"),
  ints: packed(8, "int"),
  strings: byteStrings(9),
  type: int(20),
  refAttrName: string(21),
});

export const nodeProto: Message<NodeProto> = defineMessage({
  input: strings(1),
  output: strings(2),
  name: string(3),
  opType: string(4),
  attribute: messages(5, () => attributeProto),
  domain: string(7),
  overload: string(8),
});

export const graphProto: Message<GraphProto> = defineMessage({
  node: messages(1, () => nodeProto),
  name: string(2),
  initializer: messages(5, () => tensorProto),
  docString: string(10),
  input: messages(11, () => valueInfoProto),
  output: messages(12, () => valueInfoProto),
  valueInfo: messages(13, () => valueInfoProto),
  sparseInitializer: byteStrings(15),
});

export const functionProto: Message<FunctionProto> = defineMessage({
  name: string(1),
  input: strings(4),
  output: strings(5),
  attribute: strings(6),
  node: messages(7, () => nodeProto),
  opsetImport: messages(9, () => operatorSetId),
  domain: string(10),
  attributeProto: messages(11, () => attributeProto),
  overload: string(13),
});

export const modelProto: Message<ModelProto> = defineMessage({
  irVersion: int(1),
  producerName: string(2),
  producerVersion: string(3),
  domain: string(4),
  modelVersion: int(5),
  docString: string(6),
  graph: message(7, () => graphProto),
  opsetImport: messages(8, () => operatorSetId),
  metadataProps: messages(14, () => stringEntry),
  functions: messages(25, () => functionProto),
});
