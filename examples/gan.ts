// A generative adversarial network of digits (Goodfellow et al., 2014), both nets convolutional as in DCGAN (Radford et al., 2016).
import { writeFileSync } from "node:fs";
import { data, functional as F, manualSeed, nn, noGrad, optim, randn } from "quadlane";
import { encodePng, imageGrid } from "quadlane/images";
import { example } from "./support/cli.js";
import { loadDigits } from "./support/digits.js";
import { statisticsGap } from "./support/gap.js";

const USAGE = `Trains a generator of digits against a discriminator.

usage: node build/tools/examples/gan.js [options]

  --data DIR       IDX files (MNIST, Fashion-MNIST); default: generated digits
  --epochs N       passes over the training set. Default 8
  --samples FILE   a PNG file for 64 images of the generator`;

const LATENT = 64;

/** Codes [N, LATENT] → images [N, 1, 28, 28] with values from −1 to 1. */
const generatorNet = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Linear(LATENT, 64 * 7 * 7, { bias: false }),
    new nn.Unflatten(1, [64, 7, 7]),
    new nn.BatchNorm2d(64),
    new nn.ReLU(),
    new nn.ConvTranspose2d(64, 32, 4, { stride: 2, padding: 1, bias: false }),
    new nn.BatchNorm2d(32),
    new nn.ReLU(),
    new nn.ConvTranspose2d(32, 1, 4, { stride: 2, padding: 1 }),
    new nn.Tanh(),
  );

/** Images → scores [N, 1], high for what it takes for real. */
const discriminatorNet = (): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 32, 4, { stride: 2, padding: 1 }),
    new nn.LeakyReLU({ negativeSlope: 0.2 }),
    new nn.Conv2d(32, 64, 4, { stride: 2, padding: 1, bias: false }),
    new nn.BatchNorm2d(64),
    new nn.LeakyReLU({ negativeSlope: 0.2 }),
    new nn.Flatten(),
    new nn.Linear(64 * 7 * 7, 1),
  );

const FLAGS = { defaults: { data: null, epochs: 8, samples: null }, short: { epochs: 2 } };

await example(USAGE, FLAGS, ({ data: folder, epochs, samples, short }) => {
  manualSeed(1);
  const digits = loadDigits(folder, short ? 2000 : 8000);
  const [generator, discriminator] = [generatorNet(), discriminatorNet()];
  for (const net of [generator, discriminator]) {
    for (const [name, p] of net.namedParameters())
      if (name.endsWith("weight") && p.ndim > 1) nn.init.normal_(p, 0, 0.02);
  }
  const adam = (net: nn.Module): optim.Adam => new optim.Adam(net.parameters(), { lr: 0.0005, betas: [0.5, 0.999] });
  const [generatorAdam, discriminatorAdam] = [adam(generator), adam(discriminator)];

  const loader = new data.DataLoader(digits.train, { batchSize: 64, shuffle: true, dropLast: true });
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let [lossD, lossG] = [0, 0];
    for (const [pixels] of loader) {
      const real = pixels.mul(2).sub(1);
      const fake = generator.forward(randn([real.size(0), LATENT]));

      const d = F.ganDiscriminatorLoss(discriminator.forward(real), discriminator.forward(fake.detach()));
      discriminatorAdam.zeroGrad();
      d.backward();
      discriminatorAdam.step();

      const g = F.ganGeneratorLoss(discriminator.forward(fake));
      generatorAdam.zeroGrad();
      g.backward();
      generatorAdam.step();
      lossD += d.item() / loader.length;
      lossG += g.item() / loader.length;
    }
    console.log(`epoch ${epoch}: discriminator ${lossD.toFixed(3)}, generator ${lossG.toFixed(3)}`);
  }

  generator.eval();
  const gap = noGrad(() => {
    const [pixels] = digits.test.getBatch(Int32Array.from({ length: 400 }, (_, i) => i));
    const fake = generator
      .forward(randn([400, LATENT]))
      .add(1)
      .div(2);
    if (samples !== null) writeFileSync(samples, encodePng(imageGrid(fake.narrow(0, 0, 64), { columns: 8 })));
    return statisticsGap(pixels, fake);
  });
  return { name: "gap between the statistics of real and generated images", value: gap, atMost: short ? 0.4 : 0.2 };
});
