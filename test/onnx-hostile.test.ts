import { describe, expect, test } from "vitest";
import { memory, onnx, QuadlaneError, scope, tensor } from "../src/node.js";
import { generatorOf } from "./support/make.js";
import { graph, initializer, modelBytes, node, value } from "./support/onnx-model.js";

/** A model with something of everything that a file can hold. */
function rich(): Uint8Array {
  const branch = (op: string) => graph({ node: [node(op, ["h"], [op])], output: [value(op)] });
  return modelBytes({
    name: "rich",
    initializer: [
      initializer(
        "w",
        tensor([
          [1, 2],
          [3, 4],
        ]),
      ),
      initializer("shape", tensor(Int32Array.of(-1, 2))),
      initializer("h16", tensor([1, 2]), "float64"),
    ],
    input: [value("x", ["N", 2]), value("c", [], "bool")],
    output: [value("y", ["N", 2])],
    node: [
      node("Constant", [], ["k"], { value: initializer("v", tensor([0.5, 1])) }),
      node("MatMul", ["x", "w"], ["m"]),
      node("Reshape", ["m", "shape"], ["r"]),
      node("Add", ["r", "k"], ["h"]),
      node("If", ["c"], ["b"], { then_branch: branch("Relu"), else_branch: branch("Neg") }),
      node("Mul", ["b", "h16"], ["y"]),
    ],
  });
}

const x = tensor([[1, 2]]);
const condition = tensor(true);

/** Loads and runs; what is wrong with the bytes must be said by an error of the library. */
function survives(bytes: Uint8Array): "loaded" | "refused" {
  try {
    const model = onnx.load(bytes);
    try {
      scope(() => {
        model.forward(x, condition);
      });
    } finally {
      model.dispose();
    }
    return "loaded";
  } catch (error) {
    if (error instanceof QuadlaneError) return "refused";
    throw error;
  }
}

describe("damaged files", () => {
  const sound = rich();

  test("are refused by the library's errors, or loaded, and leave nothing behind", () => {
    expect(survives(sound)).toBe("loaded");
    const random = generatorOf(7);
    const pick = (n: number): number => Math.floor(random() * n);
    const before = memory().liveBytes;
    const counts = { loaded: 0, refused: 0 };
    for (let round = 0; round < 3000; round++) {
      let bytes = sound.slice();
      for (let edits = 1 + pick(4); edits > 0; edits--) {
        const at = pick(bytes.length);
        const kind = pick(4);
        if (kind === 0) bytes[at] = pick(256);
        else if (kind === 1) bytes[at]! ^= 1 << pick(8);
        else if (kind === 2) bytes = bytes.slice(0, at + 1);
        else bytes.copyWithin(at, pick(bytes.length), pick(bytes.length));
      }
      counts[survives(bytes)]++;
    }
    expect(counts.refused).toBeGreaterThan(1000);
    expect(counts.loaded).toBeGreaterThan(50);
    expect(memory().liveBytes - before).toBe(0);
  });
});
