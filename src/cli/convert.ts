// `quadlane convert`.
import { onnx } from "../node.js";
import { type FeedOptions, feedsFor, usage } from "./feeds.js";
import { type FloatType, isModel, loadModel, READABLE, readWeights, writeWeights } from "./files.js";

/** Options of a model that is written again. */
export interface ModelOptions extends FeedOptions {
  readonly opset?: number;
  /** N=input:0,other:1 */
  readonly dynamic?: readonly string[];
  /** No size stays open. */
  readonly fixed?: boolean;
  readonly guards?: "refuse" | "assume";
  readonly externalData?: boolean;
}

export interface ConvertOptions extends ModelOptions {
  /** Where the state dict lies in a PyTorch checkpoint. */
  readonly key?: string;
  /** How float32 is written to safetensors. Default F32. */
  readonly floats?: FloatType;
}

/** Writes what one file holds to another. */
export function convert(from: string, to: string, options: ConvertOptions): string {
  if (isModel(to)) return convertModel(from, to, options);
  const { opset, dynamic, fixed, guards, externalData, input, shape } = options;
  const given = { opset, dynamic, fixed, guards, "external-data": externalData, input, shape };
  const foreign = Object.entries(given).find(([, value]) => value !== undefined);
  if (foreign !== undefined) throw usage(`--${foreign[0]} is for models; "${to}" holds weights`);
  const weights = readWeights(from, options.key);
  writeWeights(to, weights, options.floats ?? "F32");
  return `${weights.tensors.size} tensors written to ${to}`;
}

/** Reads a model, traces it and writes it again. */
function convertModel(from: string, to: string, options: ConvertOptions): string {
  if (!isModel(from)) {
    const others = READABLE.filter((extension) => extension !== ".onnx").join(", ");
    throw usage(`cannot make a model of "${from}"; expected an .onnx file (${others} hold weights)`);
  }
  if (options.key !== undefined || options.floats !== undefined) {
    throw usage(`--${options.key === undefined ? "floats" : "key"} is for weights; "${to}" is a model`);
  }
  if (options.fixed && options.dynamic !== undefined) throw usage("--fixed and --dynamic exclude each other");
  const model = loadModel(from);
  const dynamic = options.fixed ? {} : options.dynamic === undefined ? openSizes(model) : sizesIn(options.dynamic);
  const feeds = feedsFor(model, options);
  const { opset, guards, externalData } = options;
  onnx.saveFile(to, model, Object.values(feeds), {
    dynamic,
    metadata: Object.fromEntries(model.info.metadata),
    ...(opset !== undefined && { opset }),
    ...(guards !== undefined && { guards }),
    ...(externalData !== undefined && { externalData }),
  });
  const written = onnx.loadFile(to);
  const count = [...written.operators.values()].reduce((a, b) => a + b, 0);
  const open = Object.keys(dynamic);
  const sizes = open.length === 0 ? "no open sizes" : `open sizes ${open.join(", ")}`;
  return `${count} nodes of operator set ${written.info.opsets.get("")}, ${sizes}, written to ${to}`;
}

type Sizes = Record<string, [input: string, dim: number][]>;

/** The sizes that a model leaves open, by their names; one without a name is called after its input and place. */
function openSizes(model: onnx.OnnxModel): Sizes {
  const found: Sizes = {};
  for (const { name, shape } of model.inputs) {
    for (const [dim, size] of (shape ?? []).entries()) {
      if (typeof size === "number") continue;
      const word = (size ?? `${name}_${dim}`).replace(/\W/g, "_");
      const symbol = /^\d/.test(word) ? `_${word}` : word;
      found[symbol] ??= [];
      found[symbol].push([name, dim]);
    }
  }
  return found;
}

/** `N=input:0,other:1` as sizes. */
function sizesIn(given: readonly string[]): Sizes {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf("=");
      const places = text
        .slice(at + 1)
        .split(",")
        .map((place) => /^(.+):(\d+)$/.exec(place));
      if (at < 1 || places.includes(null)) {
        throw usage(`--dynamic ${text} is no size; expected a name, inputs and dimensions, such as N=x:0,mask:0`);
      }
      return [text.slice(0, at), places.map((p): [string, number] => [p![1]!, Number(p![2])])];
    }),
  );
}
