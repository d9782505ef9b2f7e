import { expect } from "vitest";
import { namedTensors } from "../../src/graph/arguments.js";
import {
  type DataArray,
  functional as F,
  type graph,
  models,
  nn,
  noGrad,
  type Session,
  type Tensor,
} from "../../src/node.js";

/** A module whose forward is a function. */
export class Lambda extends nn.Module {
  constructor(private readonly fn: (...args: readonly Tensor[]) => unknown) {
    super();
    this.eval();
  }

  forward(...args: readonly Tensor[]): unknown {
    return this.fn(...args);
  }
}

/** A network with concatenations inside of concatenations, along channels. */
class Dense extends nn.Module {
  readonly block = new nn.DenseBlock(3, 4, 4);
  readonly up = new nn.ConvTranspose2d(16, 4, 2, { stride: 2 });
  readonly last = new nn.Conv2d(20, 2, 1);

  forward(x: Tensor): Tensor {
    const y = this.block.forward(x);
    const half = F.maxPool2d(y, { kernelSize: 2 });
    return this.last.forward(F.cat([y, this.up.forward(half)], { dim: 1 }));
  }
}

export interface Example {
  readonly name: string;
  readonly make: () => nn.Module;
  readonly shape: readonly number[];
}

/** Small networks of different kinds. */
export const examples: readonly Example[] = [
  { name: "LeNet", make: () => models.create("lenet5"), shape: [2, 1, 28, 28] },
  { name: "a residual network", make: () => small("resnet18", 0.125), shape: [2, 3, 32, 32] },
  { name: "MobileNet v2", make: () => small("mobilenet_v2", 0.25), shape: [1, 3, 32, 32] },
  { name: "dense blocks", make: () => new Dense(), shape: [1, 4, 8, 8] },
  {
    name: "a transformer encoder",
    make: transformer,
    shape: [5, 2, 16],
  },
  { name: "an LSTM", make: () => new nn.LSTM(6, 8, { numLayers: 2, bidirectional: true }), shape: [7, 3, 6] },
];

function small(name: "resnet18" | "mobilenet_v2", widthMult: number): nn.Module {
  return models.create(name, { small: true, numClasses: 10, widthMult });
}

function transformer(): nn.Module {
  const layer = new nn.TransformerEncoderLayer(16, 4, { dimFeedforward: 32 });
  const encoder = new nn.TransformerEncoder(layer, 2);
  layer.dispose();
  return encoder;
}

/** What a module gives, flat, in the order of a session's outputs. */
export function eager(model: nn.Module, ...inputs: readonly Tensor[]): DataArray[] {
  return noGrad(() => [...namedTensors("output", model.forward(...inputs)).values()].map((t) => t.data()));
}

/** The outputs of a run, in order. */
export function outputsOf(session: Session, feeds: Record<string, graph.Feed>): DataArray[] {
  return Object.values(session.run(feeds)).map((t) => t.data());
}

export function largestDifference(got: readonly DataArray[], want: readonly DataArray[]): number {
  return Math.max(...got.flatMap((data, k) => Array.from(data, (v, i) => Math.abs(v - want[k]![i]!))));
}

export function expectError(
  fn: () => unknown,
  type: new (...args: never[]) => Error,
  ...parts: readonly string[]
): void {
  let found: unknown = null;
  try {
    fn();
  } catch (error) {
    found = error;
  }
  expect(found).toBeInstanceOf(type);
  for (const part of parts) expect((found as Error).message).toContain(part);
}
