import { describe, expect, test } from "vitest";
import { data, Generator, ShapeError, scope, type Tensor, tensor } from "../src/node.js";
import { batch, close, image, made, ramp, square, values } from "./support/images.js";
import { expectNoLeaks, own } from "./support/loading.js";

const T = data.transforms;
expectNoLeaks();

describe("flips", () => {
  test("mirror an image left and right, or upside down", () => {
    const x = image(square);
    expect(made(T.randomHorizontalFlip({ p: 1 }), x)).toEqual([square.map((r) => r.toReversed())]);
    expect(made(T.randomVerticalFlip({ p: 1 }), x)).toEqual([square.toReversed()]);
    expect(T.randomHorizontalFlip({ p: 0 })(x)).toBe(x);
  });

  test("flip about half of a batch, each image by itself and as a whole", () => {
    const x = batch(200, 1, 1, 2);
    const out = values(T.randomHorizontalFlip(), x);
    const flipped = Array.from({ length: 200 }, (_, n) => out[2 * n]! > out[2 * n + 1]!);
    const count = flipped.filter(Boolean).length;
    expect(count).toBeGreaterThan(75);
    expect(count).toBeLessThan(125);
    flipped.forEach((f, n) => {
      expect(out.slice(2 * n, 2 * n + 2)).toEqual(f ? [2 * n + 1, 2 * n] : [2 * n, 2 * n + 1]);
    });
    expect(values(T.randomHorizontalFlip(), x)).toEqual(out);
    expect(values(T.randomHorizontalFlip(), x, 2)).not.toEqual(out);
  });
});

describe("crops", () => {
  test("take a window of the image at every place, and at no other", () => {
    const x = image(square);
    const seen = new Set(Array.from({ length: 60 }, (_, seed) => JSON.stringify(values(T.randomCrop(2), x, seed))));
    const windows = [
      [1, 2, 4, 5],
      [2, 3, 5, 6],
      [4, 5, 7, 8],
      [5, 6, 8, 9],
    ];
    expect([...seen].sort()).toEqual(windows.map((w) => JSON.stringify(w)).sort());
  });

  test("pad first, with left, top, right and bottom of their own", () => {
    const x = image([[1, 2]]);
    const whole = T.randomCrop([2, 5], { padding: [1, 0, 2, 1], fill: 9 });
    expect(made(whole, x)).toEqual([
      [
        [9, 1, 2, 9, 9],
        [9, 9, 9, 9, 9],
      ],
    ]);
    expect(made(T.randomCrop([1, 4], { padding: [1, 0], paddingMode: "replicate" }), x)).toEqual([[[1, 1, 2, 2]]]);
  });

  test("pad an image that is too small only if asked", () => {
    const x = image([[1, 2]]);
    expect(() => T.randomCrop(3)(x)).toThrow(ShapeError);
    expect(() => T.randomCrop(3)(x)).toThrow("image is [1, 2] with its padding; expected [3, 3] or more");
    const grown = values(T.randomCrop(3, { padIfNeeded: true }), x);
    expect(grown.length).toBe(9);
  });

  test("give each image of a batch a place of its own", () => {
    const x = own(
      tensor(
        Float32Array.from({ length: 50 * 9 }, (_, i) => i % 9),
        { shape: [50, 1, 3, 3] },
      ),
    );
    const corners = values(T.randomCrop(2), x).filter((_, i) => i % 4 === 0);
    expect(new Set(corners)).toEqual(new Set([0, 1, 3, 4]));
  });

  test("take the middle, rounding as Python does, with zeros around what is too small", () => {
    expect(made(T.centerCrop(1), image(square))).toEqual([[[5]]]);
    expect(made(T.centerCrop(2), image(square))).toEqual([
      [
        [1, 2],
        [4, 5],
      ],
    ]);
    expect(values(T.centerCrop([1, 2]), ramp(1, 1, 5))).toEqual([2, 3]);
    expect(values(T.centerCrop([1, 5]), image([[1, 2]]))).toEqual([0, 1, 2, 0, 0]);
  });

  test("resize a random window, or the middle where no window fits", () => {
    const x = ramp(1, 8, 8, 0.01);
    const out = scope(() => T.randomResizedCrop(4)(x, new Generator(3)).shape);
    expect(out).toEqual([1, 4, 4]);
    const whole = T.randomResizedCrop(8, { scale: [1, 1], ratio: [1, 1] });
    expect(values(whole, x)).toEqual([...x.data()]);
    // Twice the area never fits: a window of the image's proportions, which is the image.
    expect(values(T.randomResizedCrop(8, { scale: [2, 2], ratio: [1, 1] }), x)).toEqual([...x.data()]);
    const wide = T.randomResizedCrop([1, 1], { scale: [4, 4], ratio: [1, 1], interpolation: "nearest" });
    expect(values(wide, ramp(1, 1, 5))).toEqual([2]);
  });
});

describe("resize", () => {
  test("takes a height and width, or the shorter edge", () => {
    const shapeOf = (t: data.Transform<Tensor>): readonly number[] =>
      scope(() => t(ramp(3, 4, 10), new Generator(1)).shape);
    expect(shapeOf(T.resize([2, 3]))).toEqual([3, 2, 3]);
    expect(shapeOf(T.resize(3))).toEqual([3, 3, 7]);
    expect(shapeOf(T.resize(3, { maxSize: 5 }))).toEqual([3, 2, 5]);
  });

  test("averages what an output covers, unless antialias is off", () => {
    const x = image([[0, 1, 2, 3]]);
    close(values(T.resize([1, 2], { antialias: false }), x), [0.5, 2.5]);
    // Triangles of width 4 over pixels at distance ±½ and 1½: weights 3 : 3 : 1 at the left edge.
    close(values(T.resize([1, 2]), x), [(3 * 0 + 3 * 1 + 1 * 2) / 7, (1 * 1 + 3 * 2 + 3 * 3) / 7]);
    expect(values(T.resize([1, 2], { interpolation: "nearest" }), x)).toEqual([0, 2]);
  });

  test("never mixes the values of an integer mask", () => {
    const mask = own(tensor(Int32Array.from([0, 7, 7, 3]), { shape: [1, 2, 2] }));
    scope(() => {
      const y = T.resize(4)(mask);
      expect(y.dtype).toBe("int32");
      expect(new Set(y.data())).toEqual(new Set([0, 3, 7]));
    });
  });
});

describe("affine maps", () => {
  test("turn counter-clockwise by a quarter", () => {
    const x = image(square);
    const turned = [
      [3, 6, 9],
      [2, 5, 8],
      [1, 4, 7],
    ];
    expect(made(T.randomRotation([90, 90]), x)).toEqual([turned]);
    const same = values(T.randomRotation([90, 90], { interpolation: "bilinear" }), x);
    close(same, turned.flat());
    // randomAffine turns clockwise, as in torchvision.
    expect(made(T.randomAffine([-90, -90]), x)).toEqual([turned]);
  });

  test("turn a wide image around its middle, filling what comes in", () => {
    const x = image([[1, 2, 3]]);
    expect(made(T.randomRotation([180, 180]), x)).toEqual([[[3, 2, 1]]]);
    expect(made(T.randomRotation([90, 90], { fill: 7 }), x)).toEqual([[[7, 2, 7]]]);
  });

  test("turn around another point", () => {
    const x = image([
      [1, 2],
      [3, 4],
    ]);
    // Around the middle of pixel 1, half a turn takes everything else out of sight.
    expect(values(T.randomRotation([180, 180], { center: [0.5, 0.5] }), x)).toEqual([1, 0, 0, 0]);
  });

  test("scale around the middle", () => {
    const x = ramp(1, 1, 4);
    close(
      values(
        T.randomAffine(0, { scale: [2, 2], interpolation: "bilinear" }),
        image([
          [0, 1, 2, 3],
          [0, 1, 2, 3],
        ]),
      ).slice(0, 4),
      [0.75, 1.25, 1.75, 2.25],
    );
    expect(values(T.randomAffine(0, { scale: [0.5, 0.5] }), x)).toHaveLength(4);
  });

  test("shift by whole pixels, within the given share", () => {
    const x = ramp(1, 1, 4);
    const seen = new Set(
      Array.from({ length: 40 }, (_, seed) => values(T.randomAffine(0, { translate: [0.25, 0] }), x, seed).join()),
    );
    expect([...seen].sort()).toEqual(["0,0,1,2", "0,1,2,3", "1,2,3,0"]);
  });

  test("shear rows against each other", () => {
    const x = image([
      [0, 1, 0],
      [0, 1, 0],
      [0, 1, 0],
    ]);
    // 45° along x: the output at (x, y) comes from (x + y, y), y counted from the middle downwards.
    expect(made(T.randomAffine(0, { shear: [45, 45] }), x)).toEqual([
      [
        [0, 0, 1],
        [0, 1, 0],
        [1, 0, 0],
      ],
    ]);
  });

  test("keep integer masks whole, and turn each image of a batch by itself", () => {
    const mask = own(
      tensor(
        Int32Array.from({ length: 4 * 64 }, (_, i) => (i % 8 < 4 ? 5 : 9)),
        { shape: [4, 1, 8, 8] },
      ),
    );
    scope(() => {
      const y = T.randomRotation(180, { interpolation: "bilinear" })(mask, new Generator(2));
      expect(y.dtype).toBe("int32");
      expect([...new Set(y.data())].every((v) => [0, 5, 9].includes(v))).toBe(true);
      const rows = y.reshape(4, 64).tolist() as number[][];
      expect(new Set(rows.map((r) => r.join())).size).toBe(4);
    });
  });
});
