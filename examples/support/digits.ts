// Images of digits with values from 0 to 1, or any others in MNIST's format.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { data, FormatError, Generator } from "quadlane";

export interface Digits {
  readonly train: data.ImageDataset;
  readonly test: data.ImageDataset;
}

/** The IDX files of a folder, or `count` drawn digits to train on and a fifth as many to test. */
export function loadDigits(folder: string | null, count: number): Digits {
  if (folder !== null) return { train: readImages(folder, "train"), test: readImages(folder, "t10k") };
  const generator = new Generator(1);
  return { train: data.drawDigits(count, { generator }), test: data.drawDigits(count / 5, { generator }) };
}

function readImages(folder: string, part: "train" | "t10k"): data.ImageDataset {
  const [images, labels] = [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`].map((file) => {
    const path = join(folder, file);
    return data.readIdx(existsSync(path) ? path : `${path}.gz`);
  });
  const [, height, width] = images!.shape;
  if (!(images!.data instanceof Uint8Array) || height === undefined || width === undefined) {
    throw new FormatError(
      "IDX",
      `images have shape [${images!.shape.join(", ")}]; expected bytes [count, height, width]`,
    );
  }
  return new data.ImageDataset(images!.data, labels!.data, { shape: [1, height, width] });
}
