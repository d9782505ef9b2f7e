// Image files: an entry of its own, `quadlane/images`, for those who have installed fast-png and jpeg-js.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { checkInteger, checkOptions } from "../check.js";
import { tensor } from "../creation.js";
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import type { Dataset } from "./dataset.js";
import { type DecodeImageOptions, decodeImage, encodePng } from "./image_codec.node.js";

export { type DecodeImageOptions, decodeImage, encodePng } from "./image_codec.node.js";
export { type ImageGridOptions, imageGrid } from "./image_grid.js";

/** Reads a PNG or JPEG file, told by its first bytes; see `decodeImage`. */
export function readImage(path: string, options: DecodeImageOptions = {}): Tensor {
  return decodeImage(readFileSync(path), options);
}

/** Writes a PNG file; see `encodePng`. */
export function writePng(path: string, image: Tensor): void {
  writeFileSync(path, encodePng(image));
}

export interface ImageFolderOptions extends DecodeImageOptions {
  /** Endings of the files to take, in lower case. Default: ".png", ".jpg", ".jpeg". */
  readonly extensions?: readonly string[];
}

const EXTENSIONS = [".png", ".jpg", ".jpeg"];

/**
 * Images in one folder for each class: root/class/…/image.png. Classes are the sub-folders' names in the order of character codes, and
 * each one's files are in that order too. Files are read when they are asked for; images of different sizes need a transform that makes
 * them alike before they are collated. Names that begin with a dot are left out.
 * Sample: [image [C, H, W] float32 from 0 to 1, class [] int32]; C is 3 unless the options say otherwise.
 * Errors: ArgumentError for a root without sub-folders, or a class without images.
 */
export class ImageFolder implements Dataset<[image: Tensor, label: Tensor]> {
  readonly length: number;
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Paths of the images, and their classes. */
  readonly samples: readonly (readonly [path: string, label: number])[];
  private readonly options: DecodeImageOptions;

  constructor(
    readonly root: string,
    options: ImageFolderOptions = {},
  ) {
    checkOptions("ImageFolder", options, ["channels", "maxPixels", "extensions"]);
    const { extensions = EXTENSIONS, ...rest } = options;
    this.options = { channels: 3, ...rest };
    this.classes = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map((entry) => entry.name)
      .sort();
    if (this.classes.length === 0) {
      throw new ArgumentError("ImageFolder", `${root} has no sub-folders; expected one for each class`);
    }
    this.samples = this.classes.flatMap((name, label) => {
      const paths = imagesBelow(join(root, name), extensions);
      if (paths.length === 0) {
        throw new ArgumentError("ImageFolder", `${join(root, name)} has no image; expected ${extensions.join(" or ")}`);
      }
      return paths.map((path) => [path, label] as const);
    });
    this.length = this.samples.length;
  }

  get(index: number): [image: Tensor, label: Tensor] {
    checkInteger("ImageFolder", "index", index, 0, this.length - 1);
    const [path, label] = this.samples[index]!;
    return [readImage(path, this.options), tensor(label, { dtype: "int32" })];
  }
}

function imagesBelow(folder: string, extensions: readonly string[]): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => !entry.name.startsWith("."));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return imagesBelow(path, extensions);
    return entry.isFile() && extensions.includes(extname(entry.name).toLowerCase()) ? [path] : [];
  });
}
