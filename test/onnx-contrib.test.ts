import { describe, expect, test } from "vitest";
import { compile, functional as F, noGrad, onnx, setBackend, type Tensor, tensor } from "../src/node.js";
import { operators } from "../src/onnx/ops/index.js";
import { expectClose } from "./support/compare.js";
import { type ContribCase, contribModel, feedsOf } from "./support/contrib-case.js";
import { contribCases } from "./support/contrib-cases.js";
import { Nd } from "./support/nd.js";
import { gradientError, ints, runNode, sample } from "./support/onnx.js";
import { initializer, modelBytes, node, value } from "./support/onnx-model.js";

const table = operators.get("com.microsoft")!;
const listed = contribCases.map((c) => [c.op, c.of, c] as const);

function outputsOf(model: onnx.OnnxModel, entry: ContribCase): readonly Tensor[] {
  const y = model.forward(...feedsOf(entry));
  return Array.isArray(y) ? y : [y as Tensor];
}

describe.each(["js", "wasm"] as const)("operators on %s", (backend) => {
  test.each(listed)("%s of %s", (_, __, entry) => {
    setBackend(backend);
    const want = entry.want();
    const model = onnx.load(contribModel(entry, want));
    const got = noGrad(() => outputsOf(model, entry));
    const wanted = want.filter((t) => t !== null);
    expect(got).toHaveLength(wanted.length);
    for (const [i, w] of wanted.entries()) {
      expect(got[i]!.dtype).toBe(w.dtype);
      expectClose(`output ${i}`, got[i]!, new Nd(w.shape, w.data()), { rtol: 1e-4, atol: 1e-5 });
    }
    model.dispose();
  });
});

/** What ONNX Runtime has on other devices only. */
describe.each(["js", "wasm"] as const)("com.microsoft on %s, without a judge", (backend) => {
  const [x, w] = [sample("x", 2, 3, 8), sample("w", 8)];
  const run = (op: string, inputs: readonly (Tensor | null)[], attributes = {}, outputs = 1): Tensor[] =>
    runNode(table, op, inputs, attributes, { opset: 1, outputs });
  const close = (got: Tensor | undefined, want: Tensor): void =>
    expectClose("result", got!, new Nd(want.shape, want.data()), { rtol: 1e-5, atol: 1e-6 });

  test("sums with a bias and a skip, and gates by halves", () => {
    setBackend(backend);
    const skip = sample("skip", 2, 3, 8);
    close(run("BiasAdd", [x, w, skip])[0], x.add(w).add(skip));
    const sum = x.add(w);
    close(run("BiasSplitGelu", [x, w])[0], sum.narrow(-1, 0, 4).mul(F.gelu(sum.narrow(-1, 4, 4))));
    expect(() => run("BiasSplitGelu", [sample("odd", 1, 1, 3), sample("b", 3)])).toThrow("expected an even number");
  });

  test("attends to queries, keys and values in one tensor, or keys and values in one", () => {
    setBackend(backend);
    const [k, v] = [sample("k", 2, 3, 8), sample("v", 2, 3, 8)];
    const [want] = run("MultiHeadAttention", [x, k, v], { num_heads: 2 });
    const apart = (...parts: readonly Tensor[]): Tensor =>
      F.stack(
        parts.map((t) => t.reshape([2, 3, 2, 4])),
        { dim: 3 },
      );
    close(run("MultiHeadAttention", [apart(x, k, v)], { num_heads: 2 })[0], want!);
    close(run("MultiHeadAttention", [x, apart(k, v)], { num_heads: 2 })[0], want!);
  });

  test("quantises as ONNX's own operators do", () => {
    setBackend(backend);
    const scale = tensor(0.5);
    expect(run("DequantizeLinear", [ints([1, -3]), scale])[0]!.tolist()).toEqual([0.5, -1.5]);
    expect(run("QuantizeLinear", [tensor([0.6, 300]), scale])[0]!.tolist()).toEqual([1, 255]);
  });

  test("unpacks weights that are computed", () => {
    setBackend(backend);
    const bytes = tensor(Int32Array.of(0x98, 0x7a), { shape: [1, 1, 2] });
    const y = run("MatMulNBits", [tensor([[1, 10, 100]]), bytes, tensor([0.5])], {
      K: 3,
      N: 1,
      bits: 4,
      block_size: 4,
    });
    expect(y[0]!.tolist()).toEqual([[(0 * 1 + 1 * 10 + 2 * 100) / 2]]);
  });

  test("has gradients through attention, shared keys and positions", () => {
    setBackend(backend);
    const [q, k, v] = [sample("q", 1, 3, 16), sample("k", 1, 3, 8), sample("v", 1, 3, 8)];
    const caches = [sample("cos", 4, 2), sample("sin", 4, 2)];
    const grouped = { num_heads: 4, kv_num_heads: 2, do_rotary: 1 };
    const lengths = [ints([2]), ints([3])];
    const attend = (...t: Tensor[]): Tensor =>
      run("GroupQueryAttention", [t[0]!, t[1]!, t[2]!, null, null, ...lengths, ...caches], grouped)[0]!;
    expect(gradientError(attend, [q, k, v])).toBeLessThan(5e-3);
    const soft = { ...grouped, softcap: 0.5 };
    const bounded = (...t: Tensor[]): Tensor =>
      run("GroupQueryAttention", [t[0]!, t[1]!, t[2]!, null, null, ...lengths, ...caches], soft)[0]!;
    expect(gradientError(bounded, [q, k, v])).toBeLessThan(5e-3);
  });

  const attention = { num_heads: 2, kv_num_heads: 2 };
  const group = (total: number, ...more: (Tensor | null)[]): (Tensor | null)[] => {
    return [x, x, x, null, null, ints([2, 2]), ints([total]), ...more];
  };
  const none = [null, null, null, null];
  const refused: readonly (readonly [
    what: string,
    op: string,
    inputs: (Tensor | null)[],
    attributes: object,
    message: string,
  ])[] = [
    [
      "a packed mask",
      "Attention",
      [sample("x", 1, 3, 8), sample("p", 8, 24), null, ints([1, 2, 3, 4, 5])],
      { num_heads: 2 },
      "the mask is [5]",
    ],
    [
      "a rotation within",
      "Attention",
      [x, sample("p", 8, 24)],
      { num_heads: 2, do_rotary: 1 },
      "do_rotary is 1; expected 0",
    ],
    ["heads that do not fit", "Attention", [x, sample("p", 8, 24)], { num_heads: 3 }, "num_heads 3"],
    ["two of three", "MultiHeadAttention", [x, x], { num_heads: 2 }, "are not three"],
    [
      "a bias of heads",
      "MultiHeadAttention",
      [x, sample("h", 2, 2, 3, 4), sample("h", 2, 2, 3, 4), w],
      { num_heads: 2 },
      "a bias with keys",
    ],
    [
      "a beam's order",
      "MultiHeadAttention",
      [x, x, x, ...none, null, null, ints([0])],
      { num_heads: 2 },
      "input 9, cache_indirection",
    ],
    ["another softmax", "GroupQueryAttention", group(3), { ...attention, smooth_softmax: 1 }, "smooth_softmax is 1"],
    ["sinks", "GroupQueryAttention", group(3, ...none, w), attention, "input 11"],
    ["fewer words than queries", "GroupQueryAttention", group(2), attention, "total_sequence_length is 2"],
    ["packed batches", "RotaryEmbedding", [x, ints([0]), w, w], { is_packed_batching: 1 }, "is_packed_batching is 1"],
    [
      "an unknown activation",
      "FusedGemm",
      [sample("a", 2, 2), sample("b", 2, 2)],
      { activation: "Softmax" },
      'activation is "Softmax"; expected one of Relu',
    ],
    [
      "an order of columns",
      "MatMulNBits",
      [x, x, x, null, ints([0])],
      { N: 1, K: 8, bits: 4, block_size: 16 },
      "g_idx",
    ],
    [
      "weights of another size",
      "MatMulNBits",
      [x, ints([1]), w],
      { N: 1, K: 8, bits: 4, block_size: 16 },
      "have 1, 8, 1 elements; expected 8, 1, 1",
    ],
    [
      "sizes below nothing",
      "MatMulNBits",
      [x, ints([0, 0, 0, 0, 0, 0, 0, 0]), tensor([1])],
      { N: -1, K: -16, bits: 4, block_size: 16 },
      "N, K and block_size are -1, -16 and 16",
    ],
    ["three bits", "MatMulNBits", [x, ints([1]), w], { N: 1, K: 8, bits: 3, block_size: 16 }, "bits is 3"],
  ];
  test("turns the first features of each head, as many as there are angles", () => {
    setBackend(backend);
    const caches = [sample("cos", 4, 1), sample("sin", 4, 1)];
    const attributes = { num_heads: 2, rotary_embedding_dim: 2 };
    const [y] = run("RotaryEmbedding", [x, ints([0]), ...caches], attributes);
    const [heads, got] = [x, y!].map((t) => t.reshape([2, 3, 2, 4])) as [Tensor, Tensor];
    close(got.narrow(-1, 2, 2), heads.narrow(-1, 2, 2));
    const [cos, sin] = caches.map((t) => t.narrow(0, 0, 3).reshape([1, 3, 1, 1])) as [Tensor, Tensor];
    close(
      got.narrow(-1, 0, 1),
      heads
        .narrow(-1, 0, 1)
        .mul(cos)
        .sub(heads.narrow(-1, 1, 1).mul(sin)),
    );
    const wrong = { ...attributes, rotary_embedding_dim: 4 };
    expect(() => run("RotaryEmbedding", [x, ints([0]), ...caches], wrong)).toThrow("expected 2");
  });

  test.each(refused)("refuses %s", (_, op, inputs, attributes, message) => {
    setBackend(backend);
    expect(() => run(op, inputs, attributes)).toThrow(message);
  });
});

test("a convolution at computed places has gradients in all operands", () => {
  setBackend("wasm");
  const [offset, mask] = [sample("o", 1, 18, 3, 3).mul(0.4).add(0.3), sample("m", 1, 9, 3, 3)];
  const conv = (...t: Tensor[]): Tensor => runNode(operators.get("")!, "DeformConv", t, { pads: [1, 1, 1, 1] })[0]!;
  const operands = [sample("x", 1, 2, 3, 3), sample("w", 2, 2, 3, 3), offset, sample("b", 2), mask];
  expect(gradientError(conv, operands)).toBeLessThan(5e-3);
  expect(() => conv(operands[0]!, operands[1]!, sample("o", 1, 18, 3, 2))).toThrow("expected [1, 18, 3, 3]");
});

describe("packed weights of a model", () => {
  const entry = contribCases.find((c) => c.op === "MatMulNBits" && c.of.includes("packed"))!;

  test("become a parameter of floats when it is loaded", () => {
    const model = onnx.load(contribModel(entry, entry.want()));
    const state = Array.from(model.stateDict(), ([name, t]) => [name, t.shape]);
    expect(state).toEqual([["y0.weight", [3, 40]]]);
    const [weight] = model.parameters();
    outputsOf(model, entry)[0]!.sum().backward();
    const summed = feedsOf(entry)[0]!.sum([0, 1]);
    expectClose("gradient", weight!.grad!, new Nd([3, 40], F.stack([summed, summed, summed]).data()), {
      rtol: 1e-5,
      atol: 1e-5,
    });
  });

  test("stay what they are where another node reads them too", () => {
    const bytes = tensor(Int32Array.of(0x98), { shape: [1, 1, 1] });
    const model = onnx.load(
      modelBytes(
        {
          input: [value("x", [1, 2])],
          output: [value("y", [1, 1]), value("bytes", [1, 1, 1], "uint8")],
          initializer: [initializer("b", bytes, "uint8"), initializer("s", tensor([1]))],
          node: [
            node(
              "MatMulNBits",
              ["x", "b", "s"],
              ["y"],
              { N: 1, K: 2, bits: 4, block_size: 2 },
              { domain: "com.microsoft" },
            ),
            node("Identity", ["b"], ["bytes"]),
          ],
        },
        {
          opsetImport: [
            { domain: "", version: 17 },
            { domain: "com.microsoft", version: 1 },
          ],
        },
      ),
    );
    const [y, read] = model.forward(tensor([[5, 7]])) as Tensor[];
    expect([y!.tolist(), read!.tolist()]).toEqual([[[7]], [[[0x98]]]]);
  });
});

test("a session and an exported file give what the module gives", () => {
  for (const entry of contribCases.filter((c) => c.of.startsWith("a past") || c.of.startsWith("one more word each"))) {
    const model = onnx.load(contribModel(entry, entry.want()));
    const feeds = feedsOf(entry);
    const want = noGrad(() => outputsOf(model, entry));
    const named = Object.fromEntries(model.inputs.map(({ name }, i) => [name, feeds[i]!]));
    const session = compile(model, [named], { inputNames: Object.keys(named) });
    const again = onnx.load(onnx.save(model, feeds, { guards: "assume" }));
    const results = [Object.values(session.run(named)), outputsOf(again, entry)];
    for (const got of results) {
      for (const [i, w] of want.entries())
        expectClose(`output ${i}`, got[i]!, new Nd(w.shape, w.data()), { rtol: 1e-5, atol: 1e-5 });
    }
  }
});
