import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { rasterise } from "../../digits/raster.js";
import { DIGITS } from "../../digits/strokes.js";
import { start } from "../serve.js";

describe("the Worker in workerd", () => {
  let worker;
  before(async () => {
    worker = await start("config.capnp");
  });
  after(() => worker.stop());

  const post = (body, type) =>
    fetch(`${worker.address}/predict`, { method: "POST", body, headers: { "content-type": type } });
  const images = DIGITS.map(([first]) => rasterise(first));

  const bodies = {
    float32: [(image) => image, "application/octet-stream"],
    bytes: [(image) => Uint8Array.from(image, (v) => 255 * v), "application/octet-stream"],
    "JSON, values": [(image) => JSON.stringify({ pixels: [...image] }), "application/json"],
    "JSON, bytes": [
      (image) => JSON.stringify({ bytes: Array.from(image, (v) => Math.round(255 * v)) }),
      "application/json; charset=utf-8",
    ],
  };
  for (const [name, [bodyOf, type]] of Object.entries(bodies)) {
    test(`reads all ten digits from ${name}`, async () => {
      const answers = await Promise.all(images.map(async (image) => (await post(bodyOf(image), type)).json()));
      assert.deepEqual(
        answers.map(({ digit }) => digit),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      );
      for (const { digit, probabilities } of answers) {
        assert.equal(probabilities.length, 10);
        assert.equal(Math.max(...probabilities), probabilities[digit]);
        assert.ok(Math.abs(probabilities.reduce((a, b) => a + b) - 1) < 1e-9);
      }
    });
  }

  test("says how it is used", async () => {
    const response = await fetch(worker.address);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /POST \/predict/);
  });

  const json = "application/json";
  const row = new Array(28).fill(0.5);
  const refused = [
    ["no JSON", 400, "body is no JSON", () => post("{", json)],
    ["no field", 400, 'expected { "pixels"', () => post("null", json)],
    ["an unknown field", 400, 'expected { "pixels"', () => post(JSON.stringify({ pixels: [], scale: 2 }), json)],
    [
      "too few rows",
      400,
      "image has 756 values",
      () => post(JSON.stringify({ pixels: new Array(27).fill(row) }), json),
    ],
    [
      "a value too large",
      400,
      "value 0 is 1.5",
      () => post(JSON.stringify({ pixels: new Array(784).fill(1.5) }), json),
    ],
    ["no number", 400, "value 0 is null", () => post(JSON.stringify({ bytes: new Array(784).fill(null) }), json)],
    ["NaN", 400, "value 3 is NaN", () => post(new Float32Array(784).fill(Number.NaN, 3), "application/octet-stream")],
    ["a body that is cut off", 400, "body has 783 bytes", () => post(new Uint8Array(783), "application/octet-stream")],
    ["too long a body", 413, "body has 70000 bytes", () => post(new Uint8Array(70_000), "application/octet-stream")],
    ["another type", 415, 'content type is "text/plain"', () => post("7", "text/plain")],
    ["another method", 405, "method is GET", () => fetch(`${worker.address}/predict`)],
    ["another place", 404, "there is no /admin", () => fetch(`${worker.address}/admin`)],
  ];
  for (const [name, status, message, ask] of refused) {
    test(`refuses ${name} with ${status}, and then still answers`, async () => {
      const response = await ask();
      assert.equal(response.status, status);
      assert.ok((await response.json()).error.includes(message));
      assert.equal((await (await post(images[4], "application/octet-stream")).json()).digit, 4);
    });
  }
});
