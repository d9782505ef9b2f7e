import { data, FormatError, Generator } from "quadlane";
import { FILES, findFile } from "./options.js";

/** Training and test images, normalised by the statistics of the training images. */
export interface Split {
  readonly name: string;
  readonly train: data.ImageDataset;
  readonly test: data.ImageDataset;
}

const TRAIN_DIGITS = 12_000;
const TEST_DIGITS = 2_000;
const CLASSES = 10;

/** The data set of a folder, or drawn digits, a share of them. */
export function loadSplit(folder: string | null, seed: number, share = 1): Split {
  const { name, train, test } = folder === null ? draw(seed, share) : read(folder);
  const statistics = train.statistics();
  return { name, train: train.normalized(statistics), test: test.normalized(statistics) };
}

function draw(seed: number, share: number): Split {
  const generator = new Generator(seed);
  return {
    name: "generated digits",
    train: data.drawDigits(TRAIN_DIGITS * share, { generator }),
    test: data.drawDigits(TEST_DIGITS, { generator }),
  };
}

function read(folder: string): Split {
  return {
    name: folder,
    train: readImages(folder, FILES.trainImages, FILES.trainLabels),
    test: readImages(folder, FILES.testImages, FILES.testLabels),
  };
}

function readImages(folder: string, imageFile: string, labelFile: string): data.ImageDataset {
  const images = data.readIdx(findFile(folder, imageFile)!);
  const labels = data.readIdx(findFile(folder, labelFile)!);
  const [count, height, width] = images.shape;
  if (!(images.data instanceof Uint8Array) || images.shape.length !== 3 || height !== 28 || width !== 28) {
    throw new FormatError("IDX", `${imageFile} has shape [${images.shape.join(", ")}]; expected bytes [count, 28, 28]`);
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== count || labels.data.some((v) => !(v >= 0 && v < CLASSES))) {
    throw new FormatError("IDX", `${labelFile} does not hold ${count} classes from 0 to ${CLASSES - 1}`);
  }
  return new data.ImageDataset(images.data, labels.data, { shape: [1, height, width] });
}
