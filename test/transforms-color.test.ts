import { describe, expect, test } from "vitest";
import { data, Generator, type Tensor, tensor } from "../src/node.js";
import { batch, close, image, ramp, values } from "./support/images.js";
import { expectNoLeaks, own } from "./support/loading.js";

const T = data.transforms;
expectNoLeaks();

describe("colorJitter", () => {
  const rgb = (): Tensor => own(tensor(Float32Array.of(0.2, 0.8, 0.4, 0.4, 0.6, 0), { shape: [3, 1, 2] }));

  test("scales brightness and keeps it in [0, 1]", () => {
    close(values(T.colorJitter({ brightness: [2, 2] }), rgb()), [0.4, 1, 0.8, 0.8, 1, 0]);
    expect(T.colorJitter()(rgb()).shape).toEqual([3, 1, 2]);
  });

  test("moves away from the mean grey, or from the grey of each pixel", () => {
    const grey = [0.2989 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6, 0.2989 * 0.8 + 0.587 * 0.4];
    const mean = (grey[0]! + grey[1]!) / 2;
    const x = [0.2, 0.8, 0.4, 0.4, 0.6, 0];
    close(
      values(T.colorJitter({ contrast: [0.5, 0.5] }), rgb()),
      x.map((v) => 0.5 * v + 0.5 * mean),
    );
    close(
      values(T.colorJitter({ saturation: [0, 0] }), rgb()),
      x.map((_, i) => grey[i % 2]!),
    );
  });

  test("draws factors for each image", () => {
    const x = own(tensor(new Float32Array(64).fill(0.5), { shape: [64, 1, 1, 1] }));
    const out = values(T.colorJitter({ brightness: 0.4 }), x);
    expect(new Set(out).size).toBeGreaterThan(60);
    expect(Math.min(...out)).toBeGreaterThanOrEqual(0.3);
    expect(Math.max(...out)).toBeLessThanOrEqual(0.7);
    expect(Math.max(...out) - Math.min(...out)).toBeGreaterThan(0.3);
  });

  test("refuses two channels and integers", () => {
    expect(() => T.colorJitter({ contrast: 0.5 })(ramp(2, 1, 1))).toThrow("expected 1 or 3 channels");
    const whole = own(tensor(Int32Array.of(1), { shape: [1, 1, 1] }));
    expect(() => T.colorJitter({ brightness: 0.5 })(whole)).toThrow("expected float32");
  });
});

describe("grayscale and normalize", () => {
  test("weigh red, green and blue", () => {
    const x = own(tensor(Float32Array.of(1, 0.5, 0.25), { shape: [3, 1, 1] }));
    const grey = 0.2989 + 0.587 * 0.5 + 0.114 * 0.25;
    close(values(T.grayscale(), x), [grey]);
    close(values(T.grayscale({ numOutputChannels: 3 }), x), [grey, grey, grey]);
    expect(() => T.grayscale({ numOutputChannels: 2 } as never)).toThrow("numOutputChannels");
  });

  test("subtract the mean and divide by the deviation of each channel", () => {
    const x = own(tensor(Float32Array.of(1, 2, 3, 4), { shape: [2, 1, 2] }));
    expect(values(T.normalize([1, 2], [0.5, 2]), x)).toEqual([0, 2, 0.5, 1]);
    expect(values(T.normalize(1, 2), x)).toEqual([0, 0.5, 1, 1.5]);
    expect(() => T.normalize([1, 2, 3], 1)(x)).toThrow("expected 3 channels");
    expect(() => T.normalize(0, 0)).toThrow("std is 0");
    expect(() => T.normalize(Number.NaN, 1)).toThrow("mean is NaN");
  });

  test("bring a training set to mean 0 and deviation 1 with its own statistics", () => {
    const x = batch(10, 2, 3, 3);
    const split = new data.TensorDataset(x, own(tensor(new Float32Array(10))));
    const statistics = data.imageStatistics(split);
    // Channel 0 of image n holds 18n + (0 … 8); the variance is that of the images plus that within.
    close(statistics.mean, [85, 94]);
    const deviation = Math.sqrt(18 ** 2 * ((10 ** 2 - 1) / 12) + (9 ** 2 - 1) / 12);
    close(statistics.std, [deviation, deviation]);
    const after = data.imageStatistics(data.augment(split, T.onImage(T.normalizeBy(statistics))));
    close(after.mean, [0, 0]);
    close(after.std, [1, 1]);
  });

  test("agree with the statistics of bytes", () => {
    const digits = data.drawDigits(20, { generator: new Generator(1) });
    const a = digits.statistics();
    const b = data.imageStatistics(digits);
    close(b.mean, a.mean);
    close(b.std, a.std);
  });

  test("give a deviation of 1 for an image without any, and refuse what is no image", () => {
    const flat = new data.TensorDataset(own(tensor(new Float32Array(4).fill(2), { shape: [1, 1, 2, 2] })));
    expect(data.imageStatistics(flat)).toEqual({ mean: [2], std: [1] });
    expect(() => data.imageStatistics(new data.TensorDataset(own(tensor([1, 2]))))).toThrow("image 0 is []");
    expect(() => data.imageStatistics({ length: 0, get: () => [] })).toThrow("the data set is empty");
  });
});

describe("blur, noise and erasing", () => {
  test("gaussianBlur spreads a point by its weights, and mirrors the edge", () => {
    const weights = [-1, 0, 1].map((i) => Math.exp(-(i ** 2) / 2));
    const total = weights.reduce((a, b) => a + b, 0);
    const [a, b] = [weights[0]! / total, weights[1]! / total] as const;
    const point = image([
      [0, 0, 0],
      [0, 1, 0],
      [0, 0, 0],
    ]);
    // The corners are reached once; what is beyond the edge mirrors the middle, so that an edge gets it twice.
    const blurred = values(T.gaussianBlur(3, { sigma: 1 }), point);
    close(blurred, [4 * a * a, 2 * a * b, 4 * a * a, 2 * a * b, b * b, 2 * a * b, 4 * a * a, 2 * a * b, 4 * a * a]);
  });

  test("gaussianBlur keeps a flat batch flat, with a width for each image", () => {
    const flat = own(tensor(new Float32Array(2 * 3 * 25).fill(0.5), { shape: [2, 3, 5, 5] }));
    close(values(T.gaussianBlur(5), flat), new Array(150).fill(0.5));
    const points = own(
      tensor(
        Float32Array.from({ length: 75 }, (_, i) => (i % 25 === 12 ? 1 : 0)),
        { shape: [3, 1, 5, 5] },
      ),
    );
    const middles = values(T.gaussianBlur(3), points).filter((_, i) => i % 25 === 12);
    expect(new Set(middles).size).toBe(3);
    expect(() => T.gaussianBlur(4)).toThrow("expected an odd number");
  });

  test("gaussianNoise has the mean and deviation it says", () => {
    const x = own(tensor(new Float32Array(10000), { shape: [1, 100, 100] }));
    const out = values(T.gaussianNoise({ mean: 1, sigma: 2, clip: false }), x);
    const mean = out.reduce((a, b) => a + b, 0) / out.length;
    expect(mean).toBeCloseTo(1, 1);
    expect(Math.sqrt(out.reduce((s, v) => s + (v - mean) ** 2, 0) / out.length)).toBeCloseTo(2, 1);
    const clipped = values(T.gaussianNoise({ sigma: 5 }), x);
    expect([Math.min(...clipped), Math.max(...clipped)]).toEqual([0, 1]);
  });

  test("randomErasing erases one rectangle of the wanted area", () => {
    const x = own(tensor(new Float32Array(2 * 400).fill(1), { shape: [2, 20, 20] }));
    for (let seed = 0; seed < 20; seed++) {
      const out = values(T.randomErasing({ p: 1, scale: [0.1, 0.2], value: [3, 4] }), x, seed);
      const erased = [...out.keys()].filter((i) => out[i] !== 1);
      const rows = erased.map((i) => Math.floor((i % 400) / 20));
      const columns = erased.map((i) => i % 20);
      const extent = (list: number[]): number => Math.max(...list) - Math.min(...list) + 1;
      expect(erased.length).toBe(2 * extent(rows) * extent(columns));
      expect(erased.length / 800).toBeGreaterThan(0.07);
      expect(erased.length / 800).toBeLessThan(0.23);
      expect(erased.every((i) => out[i] === (i < 400 ? 3 : 4))).toBe(true);
    }
    expect([...x.data()].every((v) => v === 1)).toBe(true);
  });

  test("randomErasing leaves some images of a batch alone, and fills others with noise", () => {
    const x = own(tensor(new Float32Array(100 * 64).fill(9), { shape: [100, 1, 8, 8] }));
    const out = values(T.randomErasing({ value: "random" }), x);
    const touched = Array.from({ length: 100 }, (_, n) => out.slice(64 * n, 64 * n + 64).some((v) => v !== 9));
    expect(touched.filter(Boolean).length).toBeGreaterThan(30);
    expect(touched.filter(Boolean).length).toBeLessThan(70);
    expect(() => T.randomErasing({ value: [1, 2, 3] })(ramp(1, 4, 4))).toThrow("expected 3 channels");
    expect(() => T.randomErasing({ scale: [0.5, 0.1] })).toThrow("scale is [0.5, 0.1]");
  });
});
