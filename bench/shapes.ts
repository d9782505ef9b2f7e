// Shapes and operation counts of networks.
import type { Layer, Model } from "./models.js";

type Shape = readonly number[];

/** Calls `visit` with each layer that holds no others and the shape of one example that goes into it; returns the shape that comes out. */
function walk(layers: readonly Layer[], input: Shape, visit: (layer: Layer, input: Shape) => void): Shape {
  return layers.reduce((shape: Shape, layer) => {
    switch (layer.type) {
      case "residual":
        walk(layer.shortcut, shape, visit);
        return walk(layer.body, shape, visit);
      case "concat": {
        const outs = layer.branches.map((branch) => walk(branch, shape, visit));
        return [outs.reduce((sum, out) => sum + out[0]!, 0), ...outs[0]!.slice(1)];
      }
      default:
        visit(layer, shape);
        return shapeAfter(layer, shape);
    }
  }, input);
}

function shapeAfter(layer: Layer, shape: Shape): Shape {
  switch (layer.type) {
    case "conv":
      return [layer.outC, ...windows(layer, shape)];
    case "maxpool":
      return [shape[0]!, ...windows(layer, shape)];
    case "avgpool":
      return [shape[0]!, 1, 1];
    case "flatten":
      return [product(shape)];
    case "linear":
    case "lstm":
      return [...shape.slice(0, -1), layer.outF];
    case "embedding":
      return [...shape, layer.width];
    default:
      return shape;
  }
}

interface Window {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
}

/** How many windows fit into each dimension of an image. */
function windows({ kernel, stride = 1, padding = 0 }: Window, image: Shape): number[] {
  return image.slice(1).map((side) => Math.floor((side + 2 * padding - kernel) / stride) + 1);
}

/** Operations of the matrix products and convolutions of a layer on one example; a multiply-add counts two. */
function flopsOf(layer: Layer, shape: Shape): number {
  switch (layer.type) {
    case "conv":
      return (2 * product(shapeAfter(layer, shape)) * layer.inC * layer.kernel ** 2) / (layer.groups ?? 1);
    case "linear":
      return 2 * product(shape) * layer.outF;
    case "lstm":
      return 2 * shape[0]! * 4 * layer.outF * (layer.inF + layer.outF);
    case "encoder": {
      const { width, hidden } = layer;
      const length = shape[0]!;
      // Projections to queries, keys, values and back, two layers of the feed-forward network; then scores and their use.
      return 2 * length * (4 * width * width + 2 * width * hidden) + 4 * length * length * width;
    }
    default:
      return 0;
  }
}

/** The shape of a model's output for one example. */
export function outputShape({ input, layers }: Model): Shape {
  return walk(layers, input, () => {});
}

/** Operations of a forward pass of one example, layer by layer, as far as they have some. */
export function modelFlops({ input, layers }: Model): number[] {
  const flops: number[] = [];
  walk(layers, input, (layer, shape) => {
    const own = flopsOf(layer, shape);
    if (own > 0) flops.push(own);
  });
  return flops;
}

function product(shape: Shape): number {
  return shape.reduce((p, n) => p * n, 1);
}
