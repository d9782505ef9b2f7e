import { describe, expect, test } from "vitest";
import { functional as F, memory, nn, ones, optim, scope, setBackend, type Tensor } from "../src/node.js";
import { distance, disturb, freeAfterEach, mask, normal, own } from "./support/modules.js";

freeAfterEach();

describe("MultiheadAttention", () => {
  test("has PyTorch's state keys, in its order", () => {
    const keys = (options: nn.MultiheadAttentionOptions): string[] => [
      ...own(new nn.MultiheadAttention(8, 2, options))
        .stateDict()
        .keys(),
    ];
    const out = ["out_proj.weight", "out_proj.bias"];
    expect(keys({})).toEqual(["in_proj_weight", "in_proj_bias", ...out]);
    expect(keys({ bias: false })).toEqual(["in_proj_weight", "out_proj.weight"]);
    expect(keys({ addBiasKv: true })).toEqual(["in_proj_weight", "in_proj_bias", "bias_k", "bias_v", ...out]);
    const apart = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias"];
    expect(keys({ kdim: 5, vdim: 6 })).toEqual([...apart, ...out]);
  });

  test("begins with Xavier's weights and biases of 0", () => {
    const { inProjWeight, inProjBias, outProj } = own(new nn.MultiheadAttention(64, 4));
    const bound = Math.sqrt(6 / (64 + 192));
    const values = inProjWeight!.data();
    expect(Math.max(...values)).toBeLessThan(bound);
    expect(Math.max(...values)).toBeGreaterThan(0.98 * bound);
    expect([...inProjBias!.data(), ...outProj.bias!.data()].every((v) => v === 0)).toBe(true);
  });

  test.each([
    ["its own query", {}, {}],
    ["appended biases and zeros", { addBiasKv: true, addZeroAttn: true }, {}],
    ["another number of features", { kdim: 6, vdim: 5 }, {}],
    ["a causal mask", {}, { isCausal: true }],
    ["a mask per head", { batchFirst: true }, { attnMask: () => normal(4, 4, 4) }],
    [
      "two bool masks",
      {},
      { attnMask: () => mask([4, 4], (i) => i % 5 === 4), keyPaddingMask: () => mask([2, 4], (i) => i === 7) },
    ],
    [
      "a bool and a float mask",
      {},
      { attnMask: () => normal(4, 4), keyPaddingMask: () => mask([2, 4], (i) => i === 3) },
    ],
    ["two float masks", { addZeroAttn: true }, { attnMask: () => normal(4, 4), keyPaddingMask: () => normal(2, 4) }],
  ] as const)("gives the same with and without weights for %s, and the same gradients", (what, options, forward) => {
    const attention = disturb(new nn.MultiheadAttention(8, 2, options));
    for (const backend of ["js", "wasm"] as const) {
      setBackend(backend);
      scope(() => {
        const lead = attention.batchFirst ? [2, 4] : [4, 2];
        const query = normal(...lead, 8).requiresGrad_();
        const same = what === "its own query";
        const key = same ? query : normal(...lead, attention.kdim);
        const value = same ? query : normal(...lead, attention.vdim);
        const made = Object.entries(forward).map(([k, v]) => [k, typeof v === "function" ? v() : v]);
        const results = [true, false].map((needWeights) => {
          const call: nn.MultiheadAttentionForwardOptions = { ...Object.fromEntries(made), needWeights };
          const [y, weights] = attention.forward(query, key, value, call);
          y.square().sum().backward();
          const leaves = [query, ...attention.parameters()];
          const gradients = leaves.map((p) => F.mul(p.grad!, 1));
          for (const p of leaves) p.grad = null;
          return { weights, all: [y, ...gradients] };
        });
        results[0]!.all.forEach((t, i) => {
          expect(distance(t, results[1]!.all[i]!)).toBeLessThan(1e-4);
        });
        expect(results[1]!.weights).toBeNull();
        const { weights } = results[0]!;
        const extra = Number(attention.biasK !== null) + Number(attention.addZeroAttn);
        expect(weights!.shape).toEqual([2, 4, 4 + extra]);
        expect(distance(F.sum(weights!, { dim: -1 }), ones([2, 4]))).toBeLessThan(1e-5);
      });
    }
  });

  test("takes sequences without a batch, and shows each head's weights if asked", () => {
    const attention = disturb(new nn.MultiheadAttention(6, 3));
    scope(() => {
      const [q, k, v] = [normal(4, 1, 6), normal(5, 1, 6), F.neg(normal(5, 1, 6))];
      const flat = [q, k, v].map((x) => x.reshape([x.size(0), 6])) as [Tensor, Tensor, Tensor];
      const padding = mask([1, 5], (i) => i === 4);
      const options = { averageAttnWeights: false };
      const [y, weights] = attention.forward(q, k, v, { ...options, keyPaddingMask: padding });
      const [z, own] = attention.forward(...flat, { ...options, keyPaddingMask: padding.reshape([5]) });
      expect(z.shape).toEqual([4, 6]);
      expect(own!.shape).toEqual([3, 4, 5]);
      expect(distance(z, y.reshape([4, 6]))).toBe(0);
      expect(distance(own!, weights!.reshape([3, 4, 5]))).toBe(0);
    });
  });

  test("drops weights while training only", () => {
    const attention = disturb(new nn.MultiheadAttention(8, 2, { dropout: 0.5 }));
    scope(() => {
      const x = normal(6, 2, 8);
      const run = (needWeights: boolean): Tensor => attention.forward(x, x, x, { needWeights })[0];
      for (const needWeights of [true, false]) {
        attention.train();
        expect(distance(run(needWeights), run(needWeights))).toBeGreaterThan(1e-3);
        attention.eval();
        expect(distance(run(needWeights), run(needWeights))).toBe(0);
      }
      attention.train();
      const weights = attention.forward(x, x, x, { averageAttnWeights: false })[1]!.data();
      expect(weights.some((w) => w === 0)).toBe(true);
    });
  });

  test("refuses what does not fit, naming shapes", () => {
    expect(() => new nn.MultiheadAttention(10, 4)).toThrow(
      "MultiheadAttention: embedDim is 10; expected a multiple of numHeads, 4",
    );
    expect(() => new nn.MultiheadAttention(8, 2, { heads: 2 } as never)).toThrow('unknown option "heads"');
    const attention = own(new nn.MultiheadAttention(8, 2));
    scope(() => {
      const x = normal(3, 2, 8);
      const call =
        (q: Tensor, k: Tensor | null, v: Tensor | null, o = {}): (() => unknown) =>
        () =>
          attention.forward(q, k, v, o);
      expect(call(normal(3, 2, 6), x, x)).toThrow("query has shape [3, 2, 6]; expected [3, 2, 8]");
      expect(call(x, normal(5, 4, 8), x)).toThrow("key has shape [5, 4, 8]; expected [S, 2, 8]");
      expect(call(x, normal(5, 2, 8), x)).toThrow("value has shape [3, 2, 8]; expected [5, 2, 8]");
      expect(call(x.reshape([48]), x, x)).toThrow("query has shape [48]");
      expect(call(x, x, x, { attnMask: normal(3, 4) })).toThrow(
        "attnMask has shape [3, 4]; expected [3, 3] or [4, 3, 3]",
      );
      expect(call(x, x, x, { keyPaddingMask: normal(3, 2) })).toThrow(
        "keyPaddingMask has shape [3, 2]; expected [2, 3]",
      );
      expect(call(x, null, null)).toThrow("key or value is null");
      expect(call(x, x, x, { mask: 1 })).toThrow('unknown option "mask"');
    });
  });
});

describe("a stack of transformer layers", () => {
  test("is made of clones with parameters of their own and PyTorch's keys", () => {
    const layer = own(new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, activation: "gelu" }));
    const encoder = own(new nn.TransformerEncoder(layer, 3, { norm: new nn.LayerNorm(8) }));
    const keys = [...encoder.stateDict().keys()];
    expect(keys.slice(0, 4)).toEqual([
      "layers.0.self_attn.in_proj_weight",
      "layers.0.self_attn.in_proj_bias",
      "layers.0.self_attn.out_proj.weight",
      "layers.0.self_attn.out_proj.bias",
    ]);
    expect(keys.slice(4, 12).map((k) => k.slice("layers.0.".length))).toEqual(
      ["linear1", "linear2", "norm1", "norm2"].flatMap((k) => [`${k}.weight`, `${k}.bias`]),
    );
    expect(keys.slice(-2)).toEqual(["norm.weight", "norm.bias"]);
    const weights = [layer, ...encoder.layers].map((l) => l.linear1.weight);
    expect(new Set(weights).size).toBe(4);
    for (const w of weights) expect(w.data()).toEqual(layer.linear1.weight.data());
  });

  test("takes any function as activation, the default being relu", () => {
    const named = disturb(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 5, dropout: 0 }));
    const given = own(
      new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 5, dropout: 0, activation: (x) => F.relu(x) }),
    );
    given.loadStateDict(named.stateDict());
    scope(() => {
      expect(distance(named.forward(normal(3, 2, 4)), given.forward(normal(3, 2, 4)))).toBe(0);
    });
    expect(() => new nn.TransformerEncoderLayer(4, 2, { activation: "tanh" as never })).toThrow('"relu", "gelu"');
  });

  test("sees with isCausal what it sees with the mask of Transformer", () => {
    const model = disturb(
      new nn.Transformer({
        dModel: 8,
        nhead: 2,
        numEncoderLayers: 1,
        numDecoderLayers: 2,
        dimFeedforward: 9,
        dropout: 0,
      }),
    );
    scope(() => {
      const [src, tgt] = [normal(5, 2, 8), normal(4, 2, 8)];
      const tgtMask = nn.Transformer.generateSquareSubsequentMask(4);
      expect(tgtMask.tolist()).toEqual([0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (j > i ? -Infinity : 0))));
      const y = model.forward(src, tgt, { tgtMask });
      expect(y.shape).toEqual([4, 2, 8]);
      expect(distance(y, model.forward(src, tgt, { tgtIsCausal: true }))).toBeLessThan(1e-5);
      expect(distance(y, model.forward(src, tgt))).toBeGreaterThan(1e-3);
      expect(() => model.forward(src, normal(4, 3, 8))).toThrow("Transformer: source and target differ in batch size");
      expect(() => model.forward(src, normal(4, 2, 6))).toThrow("8 features");
    });
  });

  test("learns, with flat memory", () => {
    const layer = own(new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true, normFirst: true }));
    const encoder = own(new nn.TransformerEncoder(layer, 2));
    const optimizer = own(new optim.Adam(encoder.parameters(), { lr: 0.01 }));
    const losses: number[] = [];
    const live: number[] = [];
    for (let step = 0; step < 30; step++) {
      scope(() => {
        const x = normal(4, 6, 8);
        // The target is the input, one position earlier.
        const loss = F.sub(encoder.forward(x), F.roll(x, { shifts: 1, dims: 1 }))
          .square()
          .mean();
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        losses.push(loss.item());
      });
      live.push(memory().liveBytes);
    }
    expect(losses.at(-1)!).toBeLessThan(0.6 * losses[0]!);
    expect(new Set(live.slice(2)).size).toBe(1);
  });
});
