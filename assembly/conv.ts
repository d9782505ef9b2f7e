// Convolution, forward. x [n, groups·cg, in…], w [groups·og, cg, kernel…], bias [groups·og] or 0, y [n, groups·og, out…];
// the spatial sizes, always three, are in the geometry. `scratch` is as large as `forwardFloats` in src/ops/conv.ts says.
import { correlate, writePlaces } from "./lib/correlate";
import { Correlation, CORRELATION_BYTES } from "./lib/correlation";
import { depthwise, Plane, threeByThree } from "./lib/depthwise";
import { align, Geometry, Grid, GRID_BYTES, Image, IMAGE_BYTES, imageBytes, inputImage, setGrid, stage, writeTaps } from "./lib/window";

/** y = conv(x, w) + bias, and max(…, 0) if relu is not 0. */
export function conv_f32(y: usize, x: usize, w: usize, bias: usize, geometry: usize, scratch: usize, n: i32, groups: i32, cg: i32, og: i32, relu: i32): void {
  const g = changetype<Geometry>(geometry);
  if (threeByThree(g, cg)) {
    const p = changetype<Plane>(scratch);
    p.low = relu ? 0 : -Infinity; p.high = Infinity; p.adds = false;
    return depthwise(p, y, x, w, bias, g, 0, n * groups, groups, og);
  }
  const image = changetype<Image>(scratch);
  const grid = changetype<Grid>(scratch + IMAGE_BYTES);
  const c = changetype<Correlation>(scratch + IMAGE_BYTES + GRID_BYTES);
  inputImage(image, g);
  setGrid(grid, image, g.od, g.oh, g.ow, g.sd, g.sh);
  c.image = image;
  c.grid = grid;
  c.tapCount = cg * g.kd * g.kh * g.kw;
  c.rows = og;
  c.relu = relu != 0;
  c.taps = scratch + IMAGE_BYTES + GRID_BYTES + CORRELATION_BYTES;
  c.places = align(writeTaps(c.taps, image, g, cg));
  const room = align(writePlaces(c.places, grid, og));
  c.work = align(room + imageBytes(image, cg));
  const channels = <usize>(cg * g.id * g.ih * g.iw) << 2;
  const weights = <usize>(og * c.tapCount) << 2;
  for (let i = 0; i < n; i++) {
    c.a = w;
    c.bias = bias;
    for (let group = 0; group < groups; group++) {
      stage(image, x, cg, room);
      c.y = y;
      correlate(c);
      x += channels;
      y += <usize>(og * grid.count) << 2;
      c.a += weights;
      if (bias) c.bias += <usize>og << 2;
    }
  }
}
