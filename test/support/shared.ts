import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { data, Generator } from "../../src/node.js";

/** A file of the data that lies beside the repository, or null where it does not. */
export function sharedFile(path: string): string | null {
  const file = fileURLToPath(new URL(`../../../shared/data/${path}`, import.meta.url));
  return existsSync(file) ? file : null;
}

const IMAGES = 6400;

/** Normalised images [1, 28, 28] of ten classes: pieces of clothing where they are at hand, else drawn digits. */
export function trainingImages(): data.ImageDataset {
  const raw = clothing() ?? data.drawDigits(IMAGES, { generator: new Generator(1) });
  return raw.normalized(raw.statistics());
}

function clothing(): data.ImageDataset | null {
  const [images, labels] = ["images-idx3", "labels-idx1"].map((part) =>
    sharedFile(`fashion-mnist/train-${part}-ubyte.gz`),
  );
  if (!images || !labels) return null;
  const pixels = Uint8Array.from(data.readIdx(images).data.subarray(0, IMAGES * 28 * 28));
  return new data.ImageDataset(pixels, data.readIdx(labels).data.subarray(0, IMAGES), { shape: [1, 28, 28] });
}
