import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ArgumentError, manualSeed, memory, models, nn, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { SMALL_MODELS } from "./support/sequences.js";

let blocksBefore = 0;
beforeEach(() => {
  blocksBefore = memory().liveBlocks;
});
afterEach(() => {
  setBackend("wasm");
  expect(memory().liveBlocks).toBe(blocksBefore);
});

/** A tensor of reproducible values around 0. */
function image(...shape: number[]): Tensor {
  const n = shape.reduce((p, s) => p * s, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => Math.sin(i * 2.3) + Math.cos(i * 0.7)),
    { shape },
  );
}

const SIDE = 28;
const CLASSES = 5;
/** Networks that give no value for each class; test/models-generative.test.ts holds them. */
const GENERATIVE = /autoencoder|vae|gan_/;
const LINEAR: readonly string[] = ["perceptron", "linear_regression", "logistic_regression", "mlp"];

/** Models of sequences of tokens, which have tests of their own. */
const SEQUENCES: readonly string[] = [...Object.keys(SMALL_MODELS), "char_rnn", "decoder_lm", "gpt2"];

/** Options that make a version with few weights for gray images of 28 px. */
function smallOptions(name: string): Record<string, unknown> {
  if (LINEAR.includes(name)) return { inFeatures: SIDE * SIDE, numClasses: CLASSES };
  const images = { numClasses: CLASSES, inChannels: 1 };
  if (name === "lenet5") return images;
  const widths: Record<string, number> = { resnext50_32x4d: 0.25, regnet_y_128gf: 1 / 32 };
  return { ...images, small: true, widthMult: widths[name] ?? 0.125 };
}

function inputShape(name: string): number[] {
  return name === "perceptron" || name === "linear_regression" ? [2, SIDE * SIDE] : [2, 1, SIDE, SIDE];
}

describe("the small version of", () => {
  test.each(models.list().filter((n) => !SEQUENCES.includes(n) && !GENERATIVE.test(n)))(
    "%s gives a value for each class, and finite gradients to every parameter",
    (name) => {
      manualSeed(3);
      const model = models.create(name as string, smallOptions(name));
      const x = image(...inputShape(name));
      const dense = name.startsWith("fcn") || name === "unet";
      scope(() => {
        const y = model.forward(x);
        expect(y.shape).toEqual(dense ? [2, CLASSES, SIDE, SIDE] : [2, CLASSES]);
        if (name !== "perceptron") y.square().mean().backward();
      });
      for (const [key, p] of model.namedParameters()) {
        if (!p.requiresGrad) continue;
        expect(p.grad, key).not.toBeNull();
        scope(() => expect(Number.isFinite(p.grad!.abs().sum().item()), key).toBe(true));
      }
      x.dispose();
      model.zeroGrad();
      model.dispose();
    },
  );

  test.each(["mobilenet_v2", "shufflenet_v1", "googlenet", "vit_b_16", "unet"])(
    "%s gives the same on both back ends",
    (name) => {
      manualSeed(4);
      const model = models.create(name, { ...smallOptions(name), widthMult: 0.125 }).eval();
      for (const p of model.parameters()) if (p.ndim === 1) nn.init.uniform_(p, 0.1, 0.5);
      const x = image(...inputShape(name));
      const [wasm, js] = (["wasm", "js"] as const).map((backend) => {
        setBackend(backend);
        return scope(() => [...model.forward(x).flatten().data()]);
      });
      const size = Math.max(...wasm!.map(Math.abs));
      expect(size).toBeGreaterThan(0);
      for (const [i, v] of wasm!.entries()) expect(Math.abs(v - js![i]!)).toBeLessThanOrEqual(1e-4 * size);
      x.dispose();
      model.dispose();
    },
  );
});

describe("create", () => {
  test("takes the options of the class, and refuses others by its name", () => {
    const model = models.create("resnet18", { layers: [1, 1, 1, 1], widths: [4, 8, 8, 8], small: true, numClasses: 3 });
    expect(model).toBeInstanceOf(models.ResNet);
    expect(model.layer4.length).toBe(1);
    expect(model.fc.weight.shape).toEqual([3, 8]);
    model.dispose();
    expect(() => models.create("resnet18" as string, { depth: 3 })).toThrow('ResNet: unknown option "depth"');
    expect(() => models.create("vgg11", { convs: [1, 1] })).toThrow("VGG: convs is 1,1; expected a list of 5 integers");
    expect(() => models.create("vgg11", { widthMult: 0 })).toThrow("widthMult is 0");
  });

  test("refuses an unknown name and lists the near ones", () => {
    expect(() => models.create("resnet-51")).toThrow(ArgumentError);
    expect(() => models.create("resnet-51")).toThrow(/no model "resnet-51"; near are .*resnet50.*models\.list\(\)/);
    expect(() => models.create("VGG16_BN")).toThrow("near are vgg16_bn");
    expect(() => models.create("toString")).toThrow(ArgumentError);
  });

  test("knows each name of list() once, in order", () => {
    const names: readonly string[] = models.list();
    expect(new Set(names).size).toBe(names.length);
    expect([...names].sort()).toEqual(names);
    expect(names).toEqual(expect.arrayContaining(["alexnet", "efficientnet_b2", "regnet_y_400mf", "lenet5", "unet"]));
  });
});
