// Values for the inputs of a model, as the command line gives them.
import { ArgumentError, Generator, type onnx, randn, type Shape, type Tensor, zeros } from "../node.js";
import { readArray } from "./files.js";
import { signature } from "./info.js";

export interface FeedOptions {
  /** name=FILE.npy */
  readonly input?: readonly string[];
  /** name=1x3x224x224: random values of that shape. */
  readonly shape?: readonly string[];
  /** Seed of the random values. */
  readonly seed: number;
}

/** A value for each input: from a file, or random. */
export function feedsFor(model: onnx.OnnxModel, options: FeedOptions): Record<string, Tensor> {
  const files = assignments("--input", options.input ?? [], model);
  const shapes = assignments("--shape", options.shape ?? [], model);
  const generator = new Generator(options.seed);
  return Object.fromEntries(
    model.inputs.map((input) => {
      const { name } = input;
      const file = files.get(name);
      if (file !== undefined && shapes.has(name)) throw usage(`input "${name}" has both --input and --shape`);
      if (file !== undefined) return [name, readArray(file)];
      const shape = shapeOf(input, shapes.get(name));
      const floats = ["float32", "float64", "float16", "bfloat16"].includes(input.elem);
      if (floats) return [name, randn(shape, { generator })];
      return [name, zeros(shape, { dtype: input.elem === "bool" ? "bool" : "int32" })];
    }),
  );
}

/** `name=value` for inputs of the model; the name may be left out if there is one input. */
function assignments(flag: string, given: readonly string[], model: onnx.OnnxModel): Map<string, string> {
  const names = model.inputs.map(({ name }) => name);
  const found = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf("=");
    const name = at < 0 && names.length === 1 ? names[0]! : text.slice(0, Math.max(at, 0));
    if (!names.includes(name)) {
      throw usage(
        `${flag} ${text} names no input; expected name=… with one of ${model.inputs.map(signature).join(", ")}`,
      );
    }
    if (found.has(name)) throw usage(`${flag} is given twice for "${name}"`);
    found.set(name, text.slice(at + 1));
  }
  return found;
}

function shapeOf(input: onnx.ValueInfo, given: string | undefined): Shape {
  if (given !== undefined) {
    const sizes = given.split("x").map(Number);
    if (given === "" || sizes.some((n) => !Number.isInteger(n) || n < 0)) {
      throw usage(`--shape ${input.name}=${given} is no shape; expected sizes such as 1x3x224x224`);
    }
    return sizes;
  }
  const open = input.shape === null || input.shape.slice(1).some((n) => typeof n !== "number");
  if (open)
    throw usage(
      `input ${signature(input)} has no fixed shape; expected --shape ${input.name}=… or --input ${input.name}=…`,
    );
  // A batch that is left open is one.
  return input.shape!.map((n) => (typeof n === "number" ? n : 1));
}

/** An error in how a command was called. */
export function usage(message: string): ArgumentError {
  return new ArgumentError("quadlane", message);
}
