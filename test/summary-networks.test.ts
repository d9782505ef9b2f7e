import { describe, expect, test } from "vitest";
import { functional as F, nn, type Summary, summary, type Tensor } from "../src/node.js";
import { expectNoLeaks, own } from "./support/loading.js";

expectNoLeaks();

const { BatchNorm2d, Bottleneck, Conv2d, Conv2dNormActivation, InvertedResidual, Linear, ReLU6, Sequential } = nn;

/** A network of stages whose last maps are averaged and classified. */
class Classifier extends nn.Module {
  readonly fc: nn.Linear;
  constructor(
    readonly features: nn.Sequential,
    channels: number,
  ) {
    super();
    this.fc = new Linear(channels, 1000);
  }
  forward(x: Tensor): Tensor {
    return this.fc.forward(F.mean(this.features.forward(x), { dim: [2, 3] }));
  }
}

function summaryOf(model: nn.Module): Summary {
  for (const t of [...model.parameters(), ...model.buffers()]) own(t);
  return summary(model, [1, 3, 224, 224]);
}

// The published numbers: 25.6 M and 3.50 M parameters, 4.09 and 0.30 billion multiply-adds (torchvision's table of models).
describe("the summary of a network of the published shape", () => {
  test("has ResNet-50's parameters, multiply-adds and receptive field", () => {
    const blocks: nn.Module[] = [
      new Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false }),
      new BatchNorm2d(64),
      new nn.ReLU(),
      new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
    ];
    let from = 64;
    for (const [stage, count] of [3, 4, 6, 3].entries()) {
      for (let i = 0; i < count; i++) {
        const channels = 64 * 2 ** stage;
        blocks.push(new Bottleneck(from, channels, { stride: i === 0 && stage > 0 ? 2 : 1 }));
        from = 4 * channels;
      }
    }
    const s = summaryOf(new Classifier(new Sequential(...blocks), 2048));
    expect(s.totals.parameters).toBe(25_557_032);
    expect(s.totals.multiplyAdds).toBe(4_089_184_256);
    // 7, and 2·2 by the pool; then 2·step by every 3 × 3: 3 at step 4, 1 + 3 and 1 + 5 and 1 + 2 at the old and the new steps.
    const field = 7 + 4 + 3 * 8 + (8 + 3 * 16) + (16 + 5 * 32) + (32 + 2 * 64);
    expect(s.rows.find((r) => r.path === "features")!.receptiveField).toEqual([field, field]);
    expect(field).toBe(427);
  });

  test("has MobileNet v2's parameters and multiply-adds", () => {
    const activation = () => new ReLU6();
    const blocks: nn.Module[] = [new Conv2dNormActivation(3, 32, { stride: 2, activation })];
    let from = 32;
    const settings = [
      [1, 16, 1, 1],
      [6, 24, 2, 2],
      [6, 32, 3, 2],
      [6, 64, 4, 2],
      [6, 96, 3, 1],
      [6, 160, 3, 2],
      [6, 320, 1, 1],
    ] as const;
    for (const [expand, channels, count, stride] of settings) {
      for (let i = 0; i < count; i++) {
        blocks.push(new InvertedResidual(from, channels, i === 0 ? stride : 1, expand));
        from = channels;
      }
    }
    blocks.push(new Conv2dNormActivation(320, 1280, { kernelSize: 1, activation }));
    const s = summaryOf(new Classifier(new Sequential(...blocks), 1280));
    expect(s.totals.parameters).toBe(3_504_872);
    expect(s.totals.multiplyAdds).toBe(300_774_272);
    expect(String(s)).toContain("Multiply-adds           300.77 M");
  });
});
