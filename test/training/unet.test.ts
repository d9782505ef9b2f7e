import { describe, expect, test } from "vitest";
import { data, functional as F, Generator, nn, type Tensor, tensor } from "../../src/node.js";
import { endless, expectSameCourse, finalLoss, type Task, train } from "../support/training.js";

const IMAGES = 6400;
const SIZE = 28;
/** Pixels darker than this are ground, which is a class of its own after those of the ten digits. */
const INK = 100;
const GROUND = 10;

/** Drawn digits [N, 1, 28, 28], and for each pixel the digit that it belongs to, or `GROUND`, [N, 28, 28]. */
function segmented(): data.TensorDataset<[x: Tensor, y: Tensor]> {
  const { images, labels } = data.drawDigits(IMAGES, { generator: new Generator(1) });
  const plane = SIZE * SIZE;
  return new data.TensorDataset(
    tensor(
      Float32Array.from(images, (v) => v / 255),
      { shape: [IMAGES, 1, SIZE, SIZE] },
    ),
    tensor(
      Int32Array.from(images, (v, i) => (v < INK ? GROUND : labels[Math.floor(i / plane)]!)),
      { shape: [IMAGES, SIZE, SIZE] },
    ),
  );
}

function convolutions(inChannels: number, outChannels: number): nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(outChannels),
    new nn.ReLU(),
  );
}

/** A U-Net: two times down, two times up again, each way up joined with what was seen on the way down. */
class UNet extends nn.Module {
  readonly pool = new nn.MaxPool2d(2);
  readonly down1 = convolutions(1, 8);
  readonly down2 = convolutions(8, 16);
  readonly bottom = new nn.Sequential(convolutions(16, 32), convolutions(32, 32), convolutions(32, 32));
  readonly grow2 = new nn.ConvTranspose2d(32, 16, 2, { stride: 2 });
  readonly up2 = convolutions(32, 16);
  readonly grow1 = new nn.ConvTranspose2d(16, 8, 4, { stride: 2, padding: 1 });
  readonly up1 = convolutions(16, 8);
  readonly head = new nn.Conv2d(8, GROUND + 1, 1);

  /** x [N, 1, H, W] → scores [N, 11, H, W]; H and W are multiples of 4. */
  forward(x: Tensor): Tensor {
    const fine = this.down1.forward(x) as Tensor;
    const coarse = this.down2.forward(this.pool.forward(fine)) as Tensor;
    const seen = this.bottom.forward(this.pool.forward(coarse)) as Tensor;
    const half = this.up2.forward(F.cat([coarse, this.grow2.forward(seen)], { dim: 1 })) as Tensor;
    return this.head.forward(this.up1.forward(F.cat([fine, this.grow1.forward(half)], { dim: 1 })) as Tensor);
  }
}

const dataset = segmented();

const task = (batchSize: number): Task<UNet, readonly [x: Tensor, y: Tensor]> => ({
  build: () => new UNet(),
  batches: () => endless(new data.DataLoader(dataset, { batchSize, shuffle: true, dropLast: true })),
  loss: (model, [x, y]) => F.crossEntropy(model.forward(x), y),
  lr: 0.01,
});

// One pixel in eight is inked: who finds them all but names none of them has a loss of 0.119 · ln 10 = 0.27.
describe("a U-Net that marks digits", () => {
  test("finds their pixels and names them: a loss below 0.2 after 200 steps", () => {
    expect(finalLoss(train(task(32), 200))).toBeLessThan(0.2);
  });

  test("follows the same course on both back ends", () => {
    expectSameCourse(task(2));
  });
});
