import { checkOptions } from "../check.js";
import { FormatError } from "../errors.js";
import { opsetsOf } from "./functions.js";
import { GraphBuilder } from "./graph.js";
import { modelProto } from "./messages.js";
import { OnnxModel } from "./model.js";
import { operators } from "./ops/index.js";
import { decodeMessage } from "./protobuf.js";
import type { ExternalData } from "./tensors.js";

export interface LoadOptions {
  /** Reads weights that lie in files beside the model. Default: a model with such weights is refused. */
  readonly externalData?: ExternalData;
}

/**
 * Reads a model of operator sets 6 to 24 from the bytes of an ONNX file. Later changes to the bytes have no effect.
 * Errors: FormatError for bytes that do not follow the format, or a graph that does not hold together; UnsupportedOperatorError with
 * every operator and attribute that the library does not have.
 */
export function load(bytes: Uint8Array | ArrayBuffer, options: LoadOptions = {}): OnnxModel {
  checkOptions("onnx.load", options, ["externalData"]);
  if (!(bytes instanceof Uint8Array || bytes instanceof ArrayBuffer)) {
    throw new FormatError("onnx", "the model is no Uint8Array or ArrayBuffer; expected the bytes of a file");
  }
  const source = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  const proto = decodeMessage(modelProto, source, "model");
  const builder = new GraphBuilder(proto, operators, options.externalData);
  const graph = builder.build();
  return new OnnxModel(graph, builder.constants, {
    irVersion: proto.irVersion,
    producer: `${proto.producerName} ${proto.producerVersion}`.trim(),
    opsets: opsetsOf(proto.opsetImport),
    metadata: new Map(proto.metadataProps.map(({ key, value }) => [key, value])),
  });
}
