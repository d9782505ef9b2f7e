import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import {
  ArgumentError,
  compile,
  type DataArray,
  FileError,
  nn,
  RuntimeError,
  type Tensor,
  zeros,
} from "../../src/node.js";
import { Program } from "../../src/program/index.node.js";
import type { PoolOptions } from "../../src/serve/index.node.js";
import { temporaryFolder } from "../support/files.js";
import { image, inFours, network, outputOf, SHAPE, startPool } from "../support/serving.js";
import { Lambda } from "../support/session.js";

const fileOf = (model: nn.Module, x: Tensor): Uint8Array<ArrayBuffer> => compile(model, x).toProgram({ input: x });

/** The network for four images at a time. */
const four = fileOf(network(), zeros([4, ...SHAPE.slice(1)]));

/** What the program makes of up to four images, a row for each. */
function rowsOf(images: readonly Float32Array[]): Float32Array[] {
  const input = new Float32Array(4 * 256);
  for (const [i, values] of images.entries()) input.set(values, i * 256);
  const output = Program.loadSync(four).run({ input }).output as Float32Array;
  return images.map((_, i) => output.slice(i * 10, (i + 1) * 10));
}

describe("a program", () => {
  const folder = temporaryFolder();

  test("gives what it gives, from bytes, a path or a URL", async () => {
    const bytes = fileOf(network(), zeros(SHAPE));
    const path = join(folder, "model.qlp");
    writeFileSync(path, bytes);
    const expected = Program.loadSync(bytes).run({ input: image(1) }).output;
    for (const model of [bytes, path, pathToFileURL(path)]) {
      const pool = await startPool({ model });
      expect(pool.inputs).toEqual([{ name: "input", dtype: "float32", shape: SHAPE }]);
      expect(pool.health().batching).toBe(false);
      expect(await pool.run({ input: image(1) })).toEqual({ output: { data: expected, shape: [1, 10] } });
    }
  });

  test("for several rows runs that many together, and fills up with zeros", async () => {
    const pool = await inFours({ model: four, maxBatch: 8, maxWaitMs: 0 });
    expect(pool.inputs[0]!.shape).toEqual([null, ...SHAPE.slice(1)]);
    const images = Array.from({ length: 7 }, (_, i) => image(i));
    const got = await Promise.all(images.map((input) => outputOf(pool, input)));
    expect(got).toEqual([...rowsOf(images.slice(0, 4)), ...rowsOf(images.slice(4))]);
    const pair = Float32Array.from([...images[5]!, ...images[6]!]);
    expect(await outputOf(pool, pair)).toEqual(Float32Array.from(rowsOf(images.slice(5)).flatMap((row) => [...row])));
    expect(pool.metrics().batchRows).toMatchObject({ count: 3, max: 4 });
    await expect(outputOf(pool, new Float32Array(5 * 256))).rejects.toThrow(/5 rows; expected 1 to 4/);
  });

  test("takes fewer rows than it has if it is told to", async () => {
    const pool = await startPool({ model: four, maxBatch: 2 });
    const images = [1, 2, 3].map(image);
    const got = await Promise.all(images.map((input) => outputOf(pool, input)));
    expect(got).toEqual([...rowsOf(images.slice(0, 2)), ...rowsOf(images.slice(2))]);
    await expect(outputOf(pool, new Float32Array(3 * 256))).rejects.toThrow(/3 rows; expected 1 to 2/);
  });

  test.each([NaN, Infinity, -Infinity, 3e38])("keeps the bits of the neighbours of %d", async (poison) => {
    const pool = await inFours({ model: four });
    const images = [1, 2, 3, 4].map(image);
    const expected = rowsOf(images);
    for (const at of [0, 3]) {
      const poisoned = images.map((input, i) => (i === at ? input.map((v, j) => (j % 5 === 0 ? poison : v)) : input));
      const got = await Promise.all(poisoned.map((input) => outputOf(pool, input)));
      expect(got[at]).not.toEqual(expected[at]);
      for (const i of [0, 1, 2, 3]) if (i !== at) expect(got[i]).toEqual(expected[i]);
    }
  });

  test("with an index out of range harms nobody in its batch", async () => {
    const embedding = new nn.Sequential(new nn.Embedding(10, 2)).eval();
    const model = fileOf(embedding, zeros([4, 1], { dtype: "int32" }));
    const pool = await inFours({ model });
    const ask = (token: number): Promise<DataArray> =>
      pool.run({ input: Int32Array.of(token) }).then(({ output }) => output!.data);
    const settled = await Promise.allSettled([1, 99, 3, 4].map(ask));
    const table = [...embedding.parameters()][0]!.data();
    expect(settled.map((r) => (r.status === "fulfilled" ? r.value : r.reason.code))).toEqual(
      [1, 99, 3, 4].map((token) => (token === 99 ? "BAD_REQUEST" : table.slice(2 * token, 2 * token + 2))),
    );
  });

  test.each([
    ["the outputs have other rows", new Lambda((x) => x.sum(0, { keepdim: true })), [4, 3]],
    ["there is one row", new Lambda((x) => x.relu()), [1, 3]],
    ["there are no rows", new Lambda((x) => x.relu()), []],
  ])("runs requests one by one, in its shapes, if %s", async (_, model, shape) => {
    const pool = await inFours({ model: fileOf(model, zeros(shape)) });
    expect(pool.health().batching).toBe(false);
    expect(pool.inputs[0]!.shape).toEqual(shape);
    const x = new Float32Array(zeros(shape).numel).fill(2);
    const answers = await Promise.all([pool.run({ input: x }), pool.run({ input: x })]);
    const expected = Program.loadSync(fileOf(model, zeros(shape))).run({ input: x });
    for (const { output } of answers) expect(output!.data).toEqual(expected.output);
  });

  const x = image(1);
  const bad: readonly [what: string, feeds: object, message: RegExp][] = [
    ["a missing input", {}, /input "input" is missing/],
    ["an unknown input", { input: x, z: x }, /no input "z"/],
    ["another dtype", { input: new Int32Array(256) }, /Int32Array; expected a Float32Array/],
    ["a wrong length", { input: new Float32Array(255) }, /255 values; expected a multiple of 256/],
    ["another shape", { input: { data: x, shape: [1, 256] } }, /shape \[1, 256\]; expected \[\?, 1, 16, 16\]/],
  ];
  test("refuses what does not fit before it meets others", async () => {
    const pool = await startPool({ model: four });
    const good = [1, 2].map((seed) => outputOf(pool, image(seed)));
    for (const [what, feeds, message] of bad) {
      const refused = pool.run(feeds as Parameters<typeof pool.run>[0]);
      await expect(refused, what).rejects.toMatchObject({
        code: "BAD_REQUEST",
        message: expect.stringMatching(message),
      });
    }
    expect(await Promise.all(good)).toEqual(rowsOf([1, 2].map(image)));
  });

  const refused: readonly [what: string, options: PoolOptions, error: unknown, message: RegExp][] = [
    ["a session", { session: {} }, ArgumentError, /session, shapes and kernels are for/],
    ["shapes", { shapes: {} }, ArgumentError, /a program has its own/],
    ["kernels", { kernels: {} }, ArgumentError, /a program has its own/],
    [
      "a damaged file",
      { model: four.slice(0, 200) },
      RuntimeError,
      /cannot make the model: Program.load: the header ends/,
    ],
    ["no file", { model: join(folder, "none.qlp") }, FileError, /does not exist/],
    ["a folder", { model: folder }, FileError, /it is a folder/],
  ];
  test.each(refused)("is not started with %s", async (_, options, error, message) => {
    await expect(startPool({ model: four, ...options })).rejects.toThrow(message);
    await expect(startPool({ model: four, ...options })).rejects.toBeInstanceOf(error);
  });
});
