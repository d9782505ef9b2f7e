import { describe, expect, test } from "vitest";
import { data, Generator, getBackend, memory, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { batch, close, image, ramp, square, values } from "./support/images.js";
import { expectNoLeaks, own } from "./support/loading.js";

const T = data.transforms;
expectNoLeaks();

describe("every transform", () => {
  const all: [string, data.Transform<Tensor>][] = [
    ["randomHorizontalFlip", T.randomHorizontalFlip()],
    ["randomVerticalFlip", T.randomVerticalFlip()],
    ["randomCrop", T.randomCrop(6, { padding: 2 })],
    ["centerCrop", T.centerCrop(6)],
    ["resize", T.resize(6)],
    ["randomResizedCrop", T.randomResizedCrop(6)],
    ["randomRotation", T.randomRotation(20, { fill: 1, interpolation: "bilinear" })],
    ["randomAffine", T.randomAffine(20, { translate: [0.1, 0.1], scale: [0.8, 1.2], shear: [-5, 5, -5, 5] })],
    ["colorJitter", T.colorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2 })],
    ["grayscale", T.grayscale()],
    ["normalize", T.normalize(0.5, 0.5)],
    ["gaussianBlur", T.gaussianBlur(3)],
    ["gaussianNoise", T.gaussianNoise()],
    ["randomErasing", T.randomErasing({ p: 1 })],
  ];

  test.each(all)("%s repeats for a seed, leaves its input alone, and leaves nothing behind", (_, transform) => {
    const x = ramp(3, 8, 8, 1 / 192);
    const before = [...x.data()];
    const first = values(transform, x, 5);
    expect(values(transform, x, 5)).toEqual(first);
    expect([...x.data()]).toEqual(before);
    const live = memory().liveBytes;
    for (let i = 0; i < 3; i++) values(transform, x, i);
    expect(memory().liveBytes).toBe(live);
  });

  test.each(all)("%s gives the same on both back ends, but for rounding", (_, transform) => {
    const x = ramp(3, 8, 8, 1 / 192);
    const first = values(transform, x, 3);
    const backend = getBackend();
    try {
      setBackend("js");
      close(values(transform, x, 3), first);
    } finally {
      setBackend(backend);
    }
  });

  test.each(all)("%s treats a batch of one as an image", (_, transform) => {
    const x = ramp(3, 8, 8, 1 / 192);
    const one = scope(() => [...transform(x.unsqueeze(0), new Generator(7)).data()]);
    expect(one).toEqual(values(transform, x, 7));
  });

  test.each(all)("%s refuses what is no image", (_, transform) => {
    expect(() => transform(own(tensor([[1]])), new Generator(1))).toThrow("expected rank 3 or 4");
    expect(() => Reflect.apply(transform, null, [[1, 2]])).toThrow("sample is no Tensor");
  });

  test("refuses unknown options and sizes", () => {
    const bad: [() => unknown, string][] = [
      [() => T.randomCrop(0), "size is 0"],
      [() => T.randomCrop([1, 2, 3]), "expected an integer or [height, width]"],
      [() => T.randomCrop(2, { padding: [1, 2, 3] }), "expected one, two or four integers"],
      [() => T.randomCrop(2, { pad: 1 } as never), 'unknown option "pad"'],
      [() => T.randomHorizontalFlip({ p: 2 }), "p is 2"],
      [() => T.resize(4, { maxSize: 3 }), "maxSize is 3"],
      [() => T.resize(4, { interpolation: "lanczos" } as never), 'interpolation is "lanczos"'],
      [() => T.randomRotation([2, 1]), "degrees is [2, 1]"],
      [() => T.randomRotation(10, { expand: true } as never), 'unknown option "expand"'],
      [() => T.randomAffine(0, { translate: [2, 0] }), "translate is 2"],
      [() => T.randomAffine(0, { shear: [1, 2, 3] }), "expected one, two or four numbers"],
      [() => T.colorJitter({ hue: 0.1 } as never), 'unknown option "hue"'],
      [() => T.gaussianNoise({ sigma: -1 }), "sigma is -1"],
    ];
    for (const [make, message] of bad) expect(make, message).toThrow(message);
  });
});

describe("compose, onImage and onBoth", () => {
  test("apply one transform after the other and free what lies between", () => {
    const x = image(square);
    const both = T.compose(T.randomHorizontalFlip({ p: 1 }), T.centerCrop(1), T.normalize(1, 2));
    expect(values(both, x)).toEqual([2]);
    scope(() => {
      const live = memory().liveBlocks;
      const y = both(x);
      expect(memory().liveBlocks).toBe(live + 1);
      expect(y.tolist()).toEqual([[[2]]]);
    });
    expect(T.compose<Tensor>()(x, new Generator(1))).toBe(x);
    expect(() => T.compose(3 as never)).toThrow("transform 0 is 3");
  });

  test("free a tensor that a transform made from data", () => {
    const invented: data.Transform<Tensor> = () => tensor([[[1, 2]]]);
    const live = memory().liveBlocks;
    scope(() => {
      expect(T.compose(invented, T.randomHorizontalFlip({ p: 1 }))(image([[0]])).tolist()).toEqual([[[2, 1]]]);
    });
    expect(memory().liveBlocks).toBe(live + 1);
  });

  test("change types along the way", () => {
    const size = T.compose(
      T.centerCrop(2),
      (x: Tensor) => [x, x.numel] as const,
      ([x, n], _generator) => n + x.size(-1),
    );
    const sum: number = size(image(square));
    expect(sum).toBe(6);
  });

  test("onImage leaves the label alone", () => {
    const label = own(tensor(3));
    scope(() => {
      const [x, y, name] = T.onImage(T.centerCrop(1))([image(square), label, "three"] as const);
      expect([x.tolist(), y, name]).toEqual([[[[5]]], label, "three"]);
    });
    expect(() => T.onImage(T.centerCrop(1))([3] as never)).toThrow("expected [image, …]");
  });

  test("onBoth changes image and mask alike", () => {
    const x = ramp(1, 9, 9);
    const mask = own(tensor(Int32Array.from(x.data()), { shape: [9, 9] }));
    const alike = T.onBoth(T.compose(T.randomHorizontalFlip(), T.randomCrop(7, { padding: 1 }), T.randomRotation(40)));
    for (let seed = 0; seed < 10; seed++) {
      scope(() => {
        const generator = new Generator(seed);
        const [a, b] = alike([x, mask] as const, generator);
        expect(b.dtype).toBe("int32");
        expect(b.shape).toEqual([7, 7]);
        expect([...b.data()]).toEqual([...a.data()]);
        // The generator has moved on once.
        const other = new Generator(seed);
        alike([x, x] as const, other);
        expect(generator.getState()).toEqual(other.getState());
      });
    }
  });

  test("onBoth takes batches, and another transform for the mask", () => {
    const x = batch(4, 1, 4, 4);
    const masks = own(tensor(x.data(), { shape: [4, 4, 4] }));
    scope(() => {
      const [a, b] = T.onBoth(T.randomCrop(2), T.randomCrop(2))([x, masks] as const, new Generator(1));
      expect(b.shape).toEqual([4, 2, 2]);
      expect([...b.data()]).toEqual([...a.data()]);
    });
    expect(() => T.onBoth(T.randomCrop(2))([x, 1] as never)).toThrow("expected [image, mask, …]");
  });
});

describe("augment", () => {
  const labelled = (n: number): data.TensorDataset<[Tensor, Tensor]> =>
    new data.TensorDataset(batch(n, 1, 4, 4), own(tensor(Int32Array.from({ length: n }, (_, i) => i))));

  test("changes the split it is given and no other", () => {
    const [train, held] = data.randomSplit(labelled(10), [0.8, 0.2], { generator: new Generator(1) });
    const augmented = data.augment(train!, T.onImage(T.randomCrop(4, { padding: 2 })));
    expect(augmented.length).toBe(8);
    const labels: number[] = [];
    let changed = 0;
    for (const [x, y] of new data.DataLoader(augmented, { batchSize: 8, generator: new Generator(2) })) {
      labels.push(...y.data());
      expect(x.shape).toEqual([8, 1, 4, 4]);
      y.data().forEach((label, i) => {
        if (x.data()[16 * i] !== 16 * label) changed++;
      });
    }
    expect(changed).toBeGreaterThan(4);
    for (const [x, y] of new data.DataLoader(held!, { batchSize: 2 })) {
      expect(labels).not.toEqual(expect.arrayContaining([...y.data()]));
      expect([...x.data()].filter((_, i) => i % 16 === 0)).toEqual(Array.from(y.data(), (label) => 16 * label));
    }
  });

  test("gives another image each time, and the same sequence for the same seed", () => {
    const epochs = (): number[][] => {
      const set = data.augment(labelled(6), T.onImage(T.randomRotation(90)));
      const loader = new data.DataLoader(set, { batchSize: 3, generator: new Generator(4) });
      return [0, 1].map(() => Array.from(loader, ([x]) => [...x.data()]).flat());
    };
    const [a, b] = epochs();
    expect(a).not.toEqual(b);
    expect(epochs()).toEqual([a, b]);
  });

  test("transforms whole batches if it is told how", () => {
    const crop = T.onImage(T.randomCrop(2));
    const set = data.augment(labelled(6), crop, { batches: crop });
    for (const [x, y] of new data.DataLoader(set, { batchSize: 3 })) {
      expect([x.shape, y.shape]).toEqual([[3, 1, 2, 2], [3]]);
    }
    expect(scope(() => set.get(5)[0].shape)).toEqual([1, 2, 2]);
  });

  test.each(["samples", "batches"])("goes on in the middle of an epoch as if nothing had been, by %s", (kind) => {
    const crop = T.onImage(T.randomCrop(2));
    const set = data.augment(labelled(6), crop, kind === "batches" ? { batches: crop } : {});
    const make = (): data.DataLoader<[Tensor, Tensor]> =>
      new data.DataLoader(new data.Subset(set, [5, 4, 3, 2, 1, 0]), { batchSize: 2, generator: new Generator(4) });
    const rest = (loader: Iterable<readonly Tensor[]>): number[][] => Array.from(loader, ([x]) => [...x!.data()]);
    const straight = rest(make());
    const interrupted = make();
    for (const _ of interrupted) break;
    const state = interrupted.stateDict();
    const resumed = make();
    resumed.loadStateDict(state);
    expect(rest(resumed)).toEqual(straight.slice(1));
  });

  test("keeps memory flat while samples are made from data", () => {
    const source: data.Dataset<[Tensor, number]> = {
      length: 4,
      get: (i) => [tensor(new Float32Array(16).fill(i), { shape: [1, 4, 4] }), i],
    };
    const set = data.augment(source, T.onImage(T.compose(T.randomHorizontalFlip(), T.randomCrop(3))));
    const live: number[] = [];
    for (const [x] of new data.DataLoader(set, { batchSize: 2 })) {
      expect(x.shape).toEqual([2, 1, 3, 3]);
      live.push(memory().liveBlocks);
    }
    expect(live[1]).toBe(live[0]);
  });

  test("refuses what is no function", () => {
    expect(() => data.augment(labelled(2), 3 as never)).toThrow("transform is 3");
    expect(() => data.augment(labelled(2), T.onImage(T.randomCrop(2)), { batch: 1 } as never)).toThrow(
      'unknown option "batch"',
    );
  });
});
