// Networks as functions, for libraries without modules of their own.
import type { Layer, Model } from "./models.js";

/** How a library computes; T is its tensor, or the name of a value in a graph. */
export interface Algebra<T> {
  /** The function of a layer that holds no others; `path` names its weights. */
  leaf(layer: Layer, path: string): (x: T) => T;
  add(a: T, b: T): T;
  /** Along the channels. */
  concat(xs: readonly T[]): T;
  /** x again, where it is used more than once. */
  share?(x: T): T;
}

/** The forward function of a model. */
export function chain<T>(model: Model, algebra: Algebra<T>): (x: T) => T {
  return sequence(model.layers, "", algebra);
}

/** `prefix` is the path of the layers' holder, with a dot at its end if there is one. */
function sequence<T>(layers: readonly Layer[], prefix: string, algebra: Algebra<T>): (x: T) => T {
  const { leaf, add, concat, share = (x) => x } = algebra;
  const steps = layers.map((layer, i) => {
    const path = `${prefix}${i}`;
    if (layer.type === "residual") {
      const body = sequence(layer.body, `${path}.body.`, algebra);
      const shortcut = sequence(layer.shortcut, `${path}.shortcut.`, algebra);
      return (x: T) => add(body(share(x)), shortcut(x));
    }
    if (layer.type === "concat") {
      const branches = layer.branches.map((b, j) => sequence(b, `${path}.branches.${j}.`, algebra));
      return (x: T) => concat(branches.map((branch, j) => branch(j < branches.length - 1 ? share(x) : x)));
    }
    return leaf(layer, path);
  });
  return (x) => steps.reduce((y, step) => step(y), x);
}
