// Procedurally drawn digits. Only +, −, ×, ÷ and square roots are used, all of which IEEE 754 defines to the last bit, so that a seed
// gives the same images on every machine.
import { checkInteger, checkOptions } from "../check.js";
import { defaultGenerator, type Generator } from "../random.js";
import { ImageDataset } from "./images.js";

/** Width and height of an image. */
const SIZE = 28;
/** Words of the random stream that one image takes: enough for its shape, then one byte for each pixel. */
const SHAPE_WORDS = 64;
const WORDS = SHAPE_WORDS + (SIZE * SIZE) / 4;
/** Straight pieces in which a curve is drawn between two of its points. */
const PIECES = 4;

/** One movement of the pen: x and y in turn, in a box of width and height 1, y downwards. */
interface Stroke {
  readonly points: readonly number[];
  /** A smooth curve through the points, not a polyline. */
  readonly curved?: boolean;
}

/** Ways to write each digit. */
const GLYPHS: readonly (readonly (readonly Stroke[])[])[] = [
  [
    [
      {
        points: [0.5, 0, 0.8, 0.13, 0.92, 0.5, 0.8, 0.87, 0.5, 1, 0.2, 0.87, 0.08, 0.5, 0.2, 0.13, 0.5, 0],
        curved: true,
      },
    ],
    [{ points: [0.6, 0, 0.25, 0.15, 0.1, 0.55, 0.3, 0.95, 0.7, 0.9, 0.9, 0.5, 0.8, 0.1, 0.5, 0.02], curved: true }],
  ],
  [
    [{ points: [0.5, 0, 0.5, 1] }],
    [{ points: [0.28, 0.22, 0.55, 0, 0.55, 1] }],
    [{ points: [0.28, 0.22, 0.52, 0, 0.52, 1] }, { points: [0.25, 1, 0.8, 1] }],
  ],
  [
    [
      { points: [0.12, 0.24, 0.32, 0.03, 0.68, 0.03, 0.86, 0.27, 0.66, 0.58, 0.34, 0.82, 0.08, 1], curved: true },
      { points: [0.08, 1, 0.92, 0.98] },
    ],
    [
      {
        points: [0.1, 0.2, 0.4, 0, 0.8, 0.2, 0.6, 0.6, 0.2, 0.95, 0.15, 0.8, 0.4, 0.82, 0.65, 0.97, 0.92, 0.9],
        curved: true,
      },
    ],
  ],
  [
    [
      { points: [0.14, 0.12, 0.5, 0, 0.82, 0.2, 0.7, 0.42, 0.4, 0.48], curved: true },
      { points: [0.4, 0.48, 0.78, 0.56, 0.88, 0.78, 0.5, 1, 0.1, 0.87], curved: true },
    ],
    [
      { points: [0.12, 0.02, 0.82, 0.02, 0.45, 0.4] },
      { points: [0.45, 0.4, 0.82, 0.52, 0.86, 0.8, 0.5, 1, 0.1, 0.88], curved: true },
    ],
  ],
  [
    [{ points: [0.66, 0, 0.08, 0.66, 0.95, 0.66] }, { points: [0.68, 0.02, 0.68, 1] }],
    [{ points: [0.2, 0.02, 0.12, 0.55, 0.85, 0.55] }, { points: [0.76, 0.1, 0.72, 1] }],
  ],
  [
    [
      { points: [0.86, 0.02, 0.24, 0.02, 0.18, 0.44] },
      { points: [0.18, 0.44, 0.56, 0.36, 0.88, 0.62, 0.72, 0.94, 0.38, 1, 0.08, 0.88], curved: true },
    ],
    [
      { points: [0.3, 0.02, 0.22, 0.42, 0.6, 0.42, 0.84, 0.68, 0.6, 0.97, 0.1, 0.95], curved: true },
      { points: [0.3, 0.02, 0.9, 0] },
    ],
  ],
  [
    [
      {
        points: [0.74, 0.02, 0.4, 0.2, 0.14, 0.6, 0.3, 0.95, 0.66, 0.97, 0.86, 0.74, 0.6, 0.52, 0.2, 0.66],
        curved: true,
      },
    ],
    [{ points: [0.5, 0, 0.22, 0.4, 0.12, 0.8, 0.45, 1, 0.8, 0.8, 0.55, 0.58, 0.18, 0.74], curved: true }],
  ],
  [
    [{ points: [0.08, 0.04, 0.9, 0.02, 0.4, 1] }],
    [{ points: [0.08, 0.04, 0.9, 0.02, 0.42, 1] }, { points: [0.35, 0.5, 0.84, 0.5] }],
    [{ points: [0.1, 0.18, 0.12, 0.02, 0.88, 0.02, 0.5, 1] }],
  ],
  [
    [
      {
        points: [0.5, 0.47, 0.2, 0.25, 0.5, 0, 0.8, 0.25, 0.5, 0.47, 0.12, 0.75, 0.5, 1, 0.88, 0.75, 0.5, 0.47],
        curved: true,
      },
    ],
    [
      {
        points: [0.8, 0.12, 0.45, 0, 0.2, 0.22, 0.5, 0.48, 0.82, 0.76, 0.5, 1, 0.18, 0.78, 0.5, 0.48, 0.82, 0.14],
        curved: true,
      },
    ],
  ],
  [
    [{ points: [0.82, 0.28, 0.5, 0.5, 0.18, 0.28, 0.46, 0.02, 0.82, 0.24, 0.8, 0.6, 0.62, 1], curved: true }],
    [
      { points: [0.78, 0.16, 0.48, 0, 0.18, 0.26, 0.46, 0.48, 0.78, 0.2], curved: true },
      { points: [0.8, 0.1, 0.74, 1] },
    ],
  ],
];

export interface DigitsOptions {
  /** Where the random numbers come from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/**
 * Draws handwriting-like digits, 28 × 28 grey pixels, the classes 0 to 9 in turn: a data set that needs no download. Each image is a
 * way to write its digit, with points moved at random, then turned, sheared, scaled, shifted, and drawn with a pen of random width
 * and darkness on a noisy ground. Linear classifiers stay below 96 %.
 */
export function drawDigits(count: number, options: DigitsOptions = {}): ImageDataset {
  checkOptions("drawDigits", options, ["generator"]);
  checkInteger("drawDigits", "count", count, 0);
  const generator = options.generator ?? defaultGenerator;
  const images = new Uint8Array(count * SIZE * SIZE);
  const labels = Int32Array.from({ length: count }, (_, i) => i % GLYPHS.length);
  const canvas = new Canvas();
  for (let i = 0; i < count; i++) {
    canvas.draw(labels[i]!, generator.words(WORDS));
    canvas.copyTo(images.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE));
  }
  return new ImageDataset(images, labels, { shape: [1, SIZE, SIZE] });
}

/** Random numbers for one shape, in the order in which they are asked for. */
class Dice {
  private at = 0;
  constructor(private readonly words: Uint32Array) {}

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * (this.words[this.at++]! / 2 ** 32);
  }
}

/** Draws one digit after the other on the same pixels. */
class Canvas {
  /** Squared distance from each pixel's centre to the nearest stroke. */
  private readonly distance = new Float64Array(SIZE * SIZE);
  private words: Uint32Array = new Uint32Array(WORDS);
  private radius = 0;
  private ink = 0;
  private noise = 0;

  /** Lays the strokes of a digit. `words` holds the randomness of one image. */
  draw(digit: number, words: Uint32Array): void {
    this.words = words;
    const dice = new Dice(words);
    this.radius = dice.between(0.7, 1.6);
    this.ink = dice.between(150, 255);
    this.noise = dice.between(0, 60);
    this.distance.fill(SIZE * SIZE);
    const ways = GLYPHS[digit]!;
    const strokes = ways[Math.floor(dice.between(0, ways.length))]!;
    const place = placement(dice);
    for (const { points, curved } of strokes) this.stroke(place(points), curved ?? false);
  }

  /** Writes the grey values: ink where a stroke is near, and noise everywhere. */
  copyTo(image: Uint8Array): void {
    const grain = new Uint8Array(this.words.buffer, this.words.byteOffset + 4 * SHAPE_WORDS, SIZE * SIZE);
    for (let p = 0; p < image.length; p++) {
      const cover = Math.min(Math.max(this.radius + 0.5 - Math.sqrt(this.distance[p]!), 0), 1);
      const value = this.ink * cover + this.noise * (grain[p]! / 255 - 0.5);
      image[p] = Math.min(Math.max(value, 0), 255);
    }
  }

  private stroke(points: readonly number[], curved: boolean): void {
    for (let i = 0; i + 3 < points.length; i += 2) {
      const [x1, y1, x2, y2] = [points[i]!, points[i + 1]!, points[i + 2]!, points[i + 3]!];
      if (!curved) {
        this.segment(x1, y1, x2, y2);
        continue;
      }
      const [x0, y0] = [points[i - 2] ?? x1, points[i - 1] ?? y1];
      const [x3, y3] = [points[i + 4] ?? x2, points[i + 5] ?? y2];
      let [fromX, fromY] = [x1, y1];
      for (let k = 1; k <= PIECES; k++) {
        const toX = spline(x0, x1, x2, x3, k / PIECES);
        const toY = spline(y0, y1, y2, y3, k / PIECES);
        this.segment(fromX, fromY, toX, toY);
        [fromX, fromY] = [toX, toY];
      }
    }
  }

  /** Lowers the distances of the pixels that the pen can reach from a straight piece. */
  private segment(x0: number, y0: number, x1: number, y1: number): void {
    const { distance } = this;
    const reach = this.radius + 0.5;
    const left = Math.max(Math.ceil(Math.min(x0, x1) - reach), 0);
    const right = Math.min(Math.floor(Math.max(x0, x1) + reach), SIZE - 1);
    const top = Math.max(Math.ceil(Math.min(y0, y1) - reach), 0);
    const bottom = Math.min(Math.floor(Math.max(y0, y1) + reach), SIZE - 1);
    const dx = x1 - x0;
    const dy = y1 - y0;
    const square = dx * dx + dy * dy;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const along = square === 0 ? 0 : ((x - x0) * dx + (y - y0) * dy) / square;
        const t = Math.min(Math.max(along, 0), 1);
        const ex = x - (x0 + t * dx);
        const ey = y - (y0 + t * dy);
        const d = ex * ex + ey * ey;
        if (d < distance[y * SIZE + x]!) distance[y * SIZE + x] = d;
      }
    }
  }
}

/** How the points of a glyph come to lie on the pixels: moved one by one, then by one affine map. */
function placement(dice: Dice): (points: readonly number[]) => number[] {
  const width = dice.between(9, 17);
  const height = dice.between(15, 21);
  const shear = dice.between(-0.35, 0.35);
  // A turn by 2 atan(t), without trigonometric functions: at most 20 degrees.
  const t = dice.between(-0.18, 0.18);
  const cos = (1 - t * t) / (1 + t * t);
  const sin = (2 * t) / (1 + t * t);
  const centreX = (SIZE - 1) / 2 + dice.between(-3, 3);
  const centreY = (SIZE - 1) / 2 + dice.between(-3, 3);
  return (points) => {
    const out: number[] = [];
    for (let i = 0; i < points.length; i += 2) {
      const u = points[i]! - 0.5 + dice.between(-0.06, 0.06);
      const v = points[i + 1]! - 0.5 + dice.between(-0.06, 0.06);
      const x = width * (u - shear * v);
      const y = height * v;
      out.push(centreX + cos * x - sin * y, centreY + sin * x + cos * y);
    }
    return out;
  };
}

/** Catmull and Rom's curve through b at t = 0 and c at t = 1. */
function spline(a: number, b: number, c: number, d: number, t: number): number {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}
