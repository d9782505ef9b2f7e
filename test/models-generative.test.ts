import { describe, expect, test } from "vitest";
import {
  functional as F,
  Generator,
  models,
  type nn,
  noGrad,
  randn,
  ShapeError,
  scope,
  setBackend,
  type Tensor,
} from "../src/node.js";
import { distance, disturb, freeAfterEach, normal, own } from "./support/modules.js";

freeAfterEach();

const input = (...shape: number[]): Tensor => own(normal(...shape));

/** Small versions: what goes in and what comes out. */
const SMALL = [
  ["dense_autoencoder", { imageSize: 6, widths: [8, 5], latent: 3, inChannels: 2 }, [2, 2, 6, 6], [2, 2, 6, 6]],
  ["conv_autoencoder", { imageSize: 12, widths: [2, 3], latent: 4, inChannels: 2 }, [2, 2, 12, 12], [2, 2, 12, 12]],
  ["gan_generator", { imageSize: 5, widths: [7], latent: 4, inChannels: 3 }, [2, 4], [2, 3, 5, 5]],
  ["gan_discriminator", { imageSize: 5, widths: [7, 6], inChannels: 3, dropout: 0 }, [2, 3, 5, 5], [2, 1]],
  ["dcgan_generator", { imageSize: 28, width: 4, latent: 6, inChannels: 1 }, [2, 6], [2, 1, 28, 28]],
  ["dcgan_generator", { imageSize: 32, width: 2 }, [2, 100, 1, 1], [2, 3, 32, 32]],
  ["dcgan_discriminator", { imageSize: 28, width: 4, inChannels: 1 }, [2, 1, 28, 28], [2, 1]],
  ["dcgan_discriminator", { imageSize: 32, width: 2 }, [2, 3, 32, 32], [2, 1]],
] as const;

describe("the small version of", () => {
  test.each(SMALL)("%s with %o has the shapes, gradients, and values on both back ends", (name, options, from, to) => {
    const model = own(models.create(name as string, options));
    const x = input(...from);
    const results = (["wasm", "js"] as const).map((backend) => {
      setBackend(backend);
      return scope(() => own(noGrad(() => model.forward(x)).keep()));
    });
    expect(results[0]!.shape).toEqual(to);
    scope(() => {
      expect(distance(results[0]!, results[1]!)).toBeLessThan(1e-5);
      expect(results[0]!.std().item()).toBeGreaterThan(0);
    });
    scope(() => model.forward(x).square().mean().backward());
    for (const [key, p] of model.namedParameters()) expect(p.grad, key).not.toBeNull();
    model.zeroGrad();
  });

  test.each([models.DenseVAE, models.ConvVAE])("%o passes gradients through the draw to every parameter", (Kind) => {
    const model = own(new Kind({ imageSize: 8, widths: [4, 6], latent: 3, inChannels: 2 }));
    const x = input(2, 2, 8, 8);
    scope(() => {
      const { reconstruction, mu, logVar } = model.forward(x);
      expect([reconstruction.shape, mu.shape, logVar.shape]).toEqual([
        [2, 2, 8, 8],
        [2, 3],
        [2, 3],
      ]);
      reconstruction.square().mean().backward();
    });
    for (const [key, p] of model.namedParameters()) expect(p.grad, key).not.toBeNull();
    model.zeroGrad();
  });
});

describe("a variational autoencoder", () => {
  const options = { imageSize: 4, widths: [6], latent: 3 };
  const make = (seed: number): models.DenseVAE =>
    disturb(new models.DenseVAE({ ...options, generator: new Generator(seed) }));

  test("draws z = mu + e^(logVar/2) ε from its generator while training, and is sure of mu in evaluation", () => {
    const model = make(7);
    const codes = { mu: input(5, 3), logVar: own(F.mul(input(5, 3), 2)) };
    scope(() => {
      const noise = randn([5, 3], { generator: new Generator(7) });
      const wanted = codes.mu.add(codes.logVar.div(2).exp().mul(noise));
      expect(distance(model.reparameterise(codes), wanted)).toBeLessThan(1e-6);
      expect(distance(model.reparameterise(codes), wanted)).toBeGreaterThan(0.1);
      expect(model.eval().reparameterise(codes)).toBe(codes.mu);
    });
  });

  test("decodes the means in evaluation, and makes images from 0 to 1 of codes from the prior", () => {
    const model = make(3).eval();
    const x = input(2, 1, 4, 4);
    noGrad(() => {
      const { reconstruction, mu } = model.forward(x);
      expect(distance(reconstruction, model.decode(model.encode(x).mu))).toBe(0);
      expect(distance(mu, model.mu.forward(model.encoder.forward(x)))).toBe(0);
      const images = model.sample(6);
      const codes = randn([6, 3], { generator: new Generator(3) });
      expect(images.shape).toEqual([6, 1, 4, 4]);
      expect(distance(images, model.decode(codes).sigmoid())).toBe(0);
    });
    expect(() => model.sample(0)).toThrow("DenseVAE: n is 0");
  });

  test("pays for pixels and for codes, in nats an image", () => {
    const [reconstruction, mu, logVar] = [input(2, 1, 4, 4), input(2, 3), input(2, 3)];
    const x = own(noGrad(() => normal(2, 1, 4, 4).sigmoid()));
    const zip = (a: Tensor, b: Tensor, f: (a: number, b: number) => number): number =>
      [...a.data()].reduce((sum, v, i) => sum + f(v, b.data()[i]!), 0);
    const pixels = zip(reconstruction, x, (s, t) => Math.log1p(Math.exp(s)) - s * t);
    const codes = zip(mu, logVar, (m, l) => (m * m + Math.exp(l) - 1 - l) / 2);
    const got = scope(() => models.negativeElbo({ reconstruction, mu, logVar }, x).item());
    expect(got).toBeCloseTo((pixels + codes) / 2, 4);
  });
});

describe("DCGAN", () => {
  const BATCH_NORM = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
  const keys = (convs: readonly number[], norms: readonly number[]): string[] => [
    ...convs.map((i) => `main.${i}.weight`),
    ...norms.flatMap((i) => BATCH_NORM.map((key) => `main.${i}.${key}`)),
  ];

  test.each([
    ["dcgan_generator", [0, 3, 6, 9, 12], [1, 4, 7, 10], [100, 512, 4, 4]],
    ["dcgan_discriminator", [0, 2, 5, 8, 11], [3, 6, 9], [64, 3, 4, 4]],
  ] as const)("%s has %d parameters, PyTorch's keys, and begins as the paper says", (name, convs, norms, first) => {
    const model = own(models.create(name as string));
    const state = model.stateDict();
    expect([...state.keys()].sort()).toEqual(keys(convs, norms).sort());
    expect(state.get("main.0.weight")!.shape).toEqual(first);
    const close = (key: string, mean: number): void =>
      scope(() => {
        const t = state.get(key)!;
        // Five standard errors of mean and deviation of that many draws.
        const within = (5 * 0.02) / Math.sqrt(t.numel);
        expect(Math.abs(t.mean().item() - mean), key).toBeLessThan(within);
        expect(Math.abs(t.std().item() - 0.02), key).toBeLessThan(within);
      });
    for (const i of convs) close(`main.${i}.weight`, 0);
    for (const i of norms) close(`main.${i}.weight`, 1);
    for (const i of norms) expect([...state.get(`main.${i}.bias`)!.data()].some((v) => v !== 0)).toBe(false);
  });
});

describe("options", () => {
  test.each([
    [() => new models.ConvAutoencoder({ imageSize: 30 }), "ConvAutoencoder: imageSize is 30; expected a multiple of 4"],
    [() => new models.ConvVAE({ widths: [] }), "ConvVAE: widths is "],
    [() => new models.DenseVAE({ latent: 0 }), "DenseVAE: latent is 0"],
    [
      () => models.create("dense_autoencoder" as string, { generator: 1 }),
      'DenseAutoencoder: unknown option "generator"',
    ],
    [() => models.create("gan_generator" as string, { dropout: 0.1 }), 'GANGenerator: unknown option "dropout"'],
    [() => new models.GANDiscriminator({ dropout: 2 }), "GANDiscriminator: dropout is 2"],
    [
      () => models.create("dcgan_discriminator" as string, { latent: 3 }),
      'DCGANDiscriminator: unknown option "latent"',
    ],
    [() => new models.DCGANGenerator({ imageSize: 9 }), "DCGANGenerator: imageSize is 9; expected an even number"],
    [() => new models.DCGANGenerator({ imageSize: 6 }), "DCGANGenerator: imageSize is 6; expected an integer from 8"],
  ])("that do not fit are refused: %#", (make, message) => {
    expect(make).toThrow(message);
  });

  test("an image of another size is refused", () => {
    const x = input(1, 1, 20, 20);
    for (const name of ["conv_autoencoder", "dense_vae", "gan_discriminator"] as const) {
      const model = own(models.create<nn.Module>(name));
      expect(() => scope(() => model.forward(x)), name).toThrow(ShapeError);
    }
  });
});
