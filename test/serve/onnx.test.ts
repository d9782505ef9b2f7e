import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { ArgumentError, compile, manualSeed, nn, onnx, type Tensor, tensor, zeros } from "../../src/node.js";
import { servedSession } from "../../src/serve/index.node.js";
import { temporaryFolder } from "../support/files.js";
import { image, inFours, network, outputOf, SHAPE, startPool } from "../support/serving.js";

const bytesOf = (model: nn.Module): Uint8Array => onnx.save(model, zeros(SHAPE), { dynamic: { N: [["input", 0]] } });

describe("an ONNX model", () => {
  const folder = temporaryFolder();

  test("gives what its session gives, from bytes, a path or a URL", async () => {
    const bytes = bytesOf(network());
    const path = join(folder, "model.onnx");
    writeFileSync(path, bytes);
    const session = compile(onnx.load(bytes), zeros(SHAPE));
    const x = tensor(image(1), { shape: SHAPE });
    const expected = Object.values(session.run({ input: x }))[0]!;
    for (const model of [bytes, path, pathToFileURL(path)]) {
      const pool = await startPool({ model, maxBatch: 1 });
      expect(pool.inputs).toEqual([{ name: "input", dtype: "float32", shape: [null, 1, 16, 16] }]);
      expect(await pool.run({ input: image(1) })).toEqual({ output: { data: expected.data(), shape: [1, 10] } });
    }
  });

  test.each([NaN, Infinity, -Infinity, 3e38])("keeps the bits of the neighbours of %d", async (poison) => {
    const pool = await inFours({ model: bytesOf(network()) });
    const images = [1, 2, 3, 4].map(image);
    const ask = (inputs: readonly Float32Array[]) => Promise.all(inputs.map((input) => outputOf(pool, input)));
    const expected = await ask(images);
    for (const at of [0, 2, 3]) {
      const poisoned = images.map((input, i) => (i === at ? input.map((v, j) => (j % 5 === 0 ? poison : v)) : input));
      const got = await ask(poisoned);
      expect(got[at]).not.toEqual(expected[at]);
      for (const i of [0, 1, 2, 3]) if (i !== at) expect(got[i]).toEqual(expected[i]);
    }
    expect(pool.metrics().batchRows).toMatchObject({ count: 4, max: 4 });
  });

  test("of a fixed batch runs requests one by one", async () => {
    const pool = await inFours({ model: onnx.save(network(), zeros(SHAPE)) });
    const images = [1, 2, 3].map(image);
    const results = await Promise.all(images.map((input) => outputOf(pool, input)));
    expect(new Set(results.map(String)).size).toBe(3);
    expect(pool.metrics().batchRows).toMatchObject({ count: 3, max: 1 });
    await expect(outputOf(pool, new Float32Array(512))).rejects.toMatchObject({ code: "BAD_REQUEST" });
  });

  test("with integers that are out of range harms nobody, and takes other sizes than it was compiled for", async () => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Embedding(10, 4));
    model.eval();
    const tokens = zeros([1, 3], { dtype: "int32" });
    const bytes = onnx.save(model, tokens, { dynamic: { N: [["input", 0]], T: [["input", 1]] } });
    const options = { model: bytes, shapes: { input: [1, 3] }, session: { maxPlans: 3 } };
    const pool = await inFours(options);
    const ask = async (...row: number[]): Promise<unknown> => {
      const { output } = await pool.run({ input: { data: Int32Array.from(row), shape: [1, row.length] } });
      return output!.shape;
    };
    const rows = [ask(1, 2, 3), ask(1, 2, 99), ask(4, 5, 6), ask(7, 8, 9)];
    const settled = await Promise.allSettled(rows);
    expect(settled.map((r) => (r.status === "fulfilled" ? r.value : r.reason.code))).toEqual([
      [1, 3, 4],
      "BAD_REQUEST",
      [1, 3, 4],
      [1, 3, 4],
    ]);
    const longer = [1, 2, 3, 4].map((v) => ask(v, v, v, v, v));
    expect(await Promise.all(longer)).toEqual(new Array(4).fill([1, 5, 4]));
    await expect(startPool({ model: bytes })).rejects.toThrow(/input "input" has open sizes/);
    await expect(startPool({ ...options, shapes: { x: [1] } })).rejects.toThrow(/shapes has "x"/);
  });

  test("that is none is refused", async () => {
    await expect(startPool({ model: new Uint8Array(10).fill(255) })).rejects.toThrow(/cannot make the model: onnx/);
    await expect(startPool({ model: join(folder, "none.onnx") })).rejects.toThrow(/does not exist/);
  });
});

describe("servedSession", () => {
  const session = compile(network(), zeros(SHAPE));
  const input = { name: "input", dtype: "float32", shape: [null, 1, 16, 16] } as const;

  test("runs a session on values of any number of rows", async () => {
    const model = servedSession(session, [input]);
    const data = Float32Array.from([1, 2, 3].flatMap((seed) => [...image(seed)]));
    const { output } = await model.run({ input: { data, shape: [3, 1, 16, 16] } });
    const expected: Tensor = session.run({ input: tensor(data, { shape: [3, 1, 16, 16] }) }).output!;
    expect(output).toEqual({ data: expected.data(), shape: [3, 10] });
  });

  test("refuses inputs that the session does not have", () => {
    expect(() => servedSession(session, [])).toThrow(ArgumentError);
    expect(() => servedSession(session, [{ ...input, name: "x" }])).toThrow(/inputs are x; expected .* input$/);
  });
});
