// Strokes to pixels, the way MNIST was made: the drawing is cut out, scaled so that its longer side takes 20 pixels, and laid on 28 × 28 with
// its centre of mass in the middle. Strokes, not pixels, are scaled: the pen is as wide for a small drawing as for a large one.

/** Width and height of an image. */
export const SIZE = 28;
/** What the longer side of a drawing is scaled to, the pen included. */
const BOX = 20;
/** Half the width of the pen, in pixels of the image. */
const RADIUS = 1.1;

/**
 * The drawing as SIZE × SIZE grey values from 0 to 1, or null if nothing has been drawn.
 * @param {readonly (readonly (readonly [x: number, y: number])[])[]} strokes points in any unit, y downwards
 */
export function rasterise(strokes) {
  const points = strokes.flat();
  if (points.length === 0) return null;
  const [left, right] = extent(points.map(([x]) => x));
  const [top, bottom] = extent(points.map(([, y]) => y));
  const side = Math.max(right - left, bottom - top);
  const scale = side === 0 ? 1 : (BOX - 2 * RADIUS) / side;
  const place = (dx, dy) =>
    strokes.map((stroke) =>
      stroke.map(([x, y]) => [(x - (left + right) / 2) * scale + dx, (y - (top + bottom) / 2) * scale + dy]),
    );
  const middle = (SIZE - 1) / 2;
  const [x, y] = centreOfMass(draw(place(middle, middle)));
  return draw(place(2 * middle - x, 2 * middle - y));
}

function extent(values) {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

function centreOfMass(pixels) {
  let [mass, x, y] = [0, 0, 0];
  pixels.forEach((value, i) => {
    mass += value;
    x += value * (i % SIZE);
    y += value * Math.floor(i / SIZE);
  });
  return [x / mass, y / mass];
}

/** Ink by the distance from a pixel's centre to the nearest piece of a stroke; the edge is one pixel wide. */
function draw(strokes) {
  const pixels = new Float32Array(SIZE * SIZE);
  for (const stroke of strokes) {
    stroke.forEach((to, i) => {
      const from = stroke[Math.max(i - 1, 0)];
      for (let p = 0; p < pixels.length; p++) {
        const ink = RADIUS + 0.5 - distance(p % SIZE, Math.floor(p / SIZE), from, to);
        if (ink > pixels[p]) pixels[p] = Math.min(ink, 1);
      }
    });
  }
  return pixels;
}

/** Distance from a point to a straight piece. */
function distance(x, y, [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const square = dx * dx + dy * dy;
  const along = square === 0 ? 0 : ((x - x0) * dx + (y - y0) * dy) / square;
  const t = Math.min(Math.max(along, 0), 1);
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}
