import { noGrad, scope, type Tensor, tensor } from "../../src/node.js";
import { elemOf } from "../../src/onnx/elements.js";
import type { Arg, Elem, NodeView, OperatorTable } from "../../src/onnx/handler.js";
import { generatorOf, seedOf } from "./make.js";

export type AttributeValue = number | string | readonly number[] | readonly string[];

export interface NodeOptions {
  readonly opset?: number;
  readonly outputs?: number;
  readonly training?: boolean;
}

/** Runs one operator of a table on tensors or values, outside of any graph. */
export function runNode(
  table: OperatorTable,
  opType: string,
  inputs: readonly (Tensor | Arg | null)[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  options: NodeOptions = {},
): Tensor[] {
  return runArgs(table, opType, inputs, attributes, options).map((arg) => arg.tensor);
}

/** The same with the element types of the results. */
export function runArgs(
  table: OperatorTable,
  opType: string,
  inputs: readonly (Tensor | Arg | null)[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  { opset = 22, outputs = 1, training = false }: NodeOptions = {},
): Arg[] {
  const version = table[opType]?.findLast((v) => v.since <= opset);
  if (version === undefined) throw new Error(`no ${opType} of version ${opset}`);
  const unknown = Object.keys(attributes).filter((name) => !version.attributes.includes(name));
  if (unknown.length > 0) throw new Error(`${opType} of version ${opset} does not know ${unknown.join(", ")}`);
  const fail = (message: string): Error => new Error(`${opType}: ${message}`);
  const read = (name: string, byDefault: unknown): unknown => {
    const value = attributes[name] ?? byDefault;
    if (value === undefined) throw fail(`attribute ${name} is missing`);
    return value;
  };
  const node: NodeView = {
    ...{ opType, domain: "", name: opType, opset, outputs, training, fail },
    int: (name, byDefault) => read(name, byDefault) as number,
    float: (name, byDefault) => read(name, byDefault) as number,
    string: (name, byDefault) => read(name, byDefault) as string,
    ints: (name, byDefault) => read(name, byDefault) as readonly number[],
    floats: (name, byDefault) => read(name, byDefault) as readonly number[],
    strings: (name, byDefault) => read(name, byDefault) as readonly string[],
    tensor: () => null,
    has: (name) => name in attributes,
    run: () => {
      throw fail("there are no graphs here");
    },
  };
  const args = inputs.map((input) =>
    input === null || "elem" in input ? input : { tensor: input, elem: elemOf(input.dtype) },
  );
  if (!("run" in version)) throw new Error(`${opType} takes more than tensors; put it into a model`);
  return version.run(node, args).filter((arg) => arg !== undefined);
}

/** Values in [−1, 1) that depend on the shape and the name alone. */
export function sample(name: string, ...shape: readonly number[]): Tensor {
  const random = generatorOf(seedOf(name));
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: count }, () => 2 * random() - 1),
    { shape },
  );
}

export function ints(values: readonly number[], ...shape: readonly number[]): Tensor {
  return tensor(Int32Array.from(values), shape.length === 0 ? {} : { shape });
}

/** A value of an element type that the library holds as int32. */
export function typed(elem: Elem, values: readonly number[], ...shape: readonly number[]): Arg {
  return { tensor: ints(values, ...shape), elem };
}

/**
 * Compares the gradients of Σ wᵢ·f(inputs)ᵢ, w fixed, with central differences at a few elements of each input; returns the largest
 * difference, as a part of the largest gradient of its input.
 */
export function gradientError(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): number {
  return scope(() => compareSlopes(f, inputs));
}

function compareSlopes(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): number {
  const leaves = inputs.map((t) => tensor(t.data(), { shape: t.shape, requiresGrad: true }));
  const y = f(...leaves);
  const weights = sample("weights", ...y.shape);
  y.mul(weights).sum().backward();
  const factors = weights.data();
  const loss = (at: number, place: number, step: number): number =>
    noGrad(() => {
      const moved = inputs.map((t, i) => {
        const values = t.data();
        if (i === at) values[place]! += step;
        return tensor(values, { shape: t.shape });
      });
      return Array.from(f(...moved).data()).reduce((sum, v, i) => sum + v * factors[i]!, 0);
    });
  let worst = 0;
  for (const [at, leaf] of leaves.entries()) {
    const grad = leaf.grad!.data();
    const scale = Math.max(...Array.from(grad, Math.abs));
    for (let place = 0; place < grad.length; place += Math.max(1, Math.floor(grad.length / 7))) {
      const step = 2 ** -7;
      const slope = (loss(at, place, step) - loss(at, place, -step)) / (2 * step);
      worst = Math.max(worst, Math.abs(slope - grad[place]!) / scale);
    }
  }
  return worst;
}
