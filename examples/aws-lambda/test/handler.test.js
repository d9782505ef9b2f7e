import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { execPath } from "node:process";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { respond } from "../../digits/endpoint.js";
import { rasterise } from "../../digits/raster.js";
import { DIGITS } from "../../digits/strokes.js";

const path = (file) => fileURLToPath(new URL(`../${file}`, import.meta.url));
const eventOf = (name) => JSON.parse(readFileSync(path(`events/${name}.json`), "utf8"));

describe("a fresh process", () => {
  const cases = [
    ["predict", 7],
    ["predict-json", 3],
  ];
  for (const [name, digit] of cases) {
    test(`answers the event ${name}, without making code from text`, () => {
      const args = ["--disallow-code-generation-from-strings", path("local.js"), path(`events/${name}.json`)];
      const { statusCode, headers, body } = JSON.parse(execFileSync(execPath, args, { encoding: "utf8" }));
      assert.equal(statusCode, 200);
      assert.deepEqual(headers, { "content-type": "application/json" });
      assert.equal(JSON.parse(body).digit, digit);
    });
  }
});

describe("the handler", () => {
  let handler;
  before(async () => {
    ({ handler } = await import("../build/function/handler.mjs"));
  });

  const withBody = (body, type = "application/octet-stream") => ({
    ...eventOf("predict"),
    headers: { "content-type": type },
    body: Buffer.from(body).toString("base64"),
  });

  test("reads all ten digits, one event after the other", async () => {
    const read = [];
    for (const [first] of DIGITS) {
      const { body } = await handler(withBody(rasterise(first).buffer));
      read.push(JSON.parse(body).digit);
    }
    assert.deepEqual(read, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("says how it is used", async () => {
    const { statusCode, body } = await handler(eventOf("usage"));
    assert.equal(statusCode, 200);
    assert.match(body, /POST \/predict/);
  });

  const predict = eventOf("predict");
  const refused = [
    ["a body that is no base64", 400, "body has 3 bytes", { ...predict, body: "!!!!AAAA" }],
    ["a body without encoding", 400, "expected 784 bytes", { ...predict, isBase64Encoded: false }],
    ["no body", 400, "body has 0 bytes", { ...predict, body: undefined }],
    ["no JSON", 400, "body is no JSON", withBody("{", "application/json")],
    ["too long a body", 413, "expected 65536 at most", withBody(new Uint8Array(70_000))],
    ["no headers", 415, 'content type is ""', { ...predict, headers: undefined }],
    ["another method", 405, "method is GET", { ...predict, requestContext: { http: { method: "GET" } } }],
    ["another place", 404, "there is no /x", { ...predict, rawPath: "/x" }],
    ["an empty event", 404, "there is no undefined", {}],
    ["no event", 404, "there is no undefined", null],
  ];
  for (const [name, status, message, event] of refused) {
    test(`refuses ${name} with ${status}, and then still answers`, async () => {
      const { statusCode, headers, body } = await handler(event);
      assert.equal(statusCode, status);
      assert.equal(headers["content-type"], "application/json");
      assert.ok(JSON.parse(body).error.includes(message), body);
      assert.equal((await handler(predict)).statusCode, 200);
    });
  }

  test("tells of its own failures no more than that they are there", async (t) => {
    const log = t.mock.method(console, "error", () => {});
    const request = { method: "POST", path: "/predict", type: "application/octet-stream", length: 784 };
    const answer = await respond({ ...request, read: () => new Uint8Array(784) }, () => {
      throw new Error("secret");
    });
    assert.deepEqual(answer, { status: 500, type: "application/json", body: '{"error":"internal error"}' });
    assert.equal(log.mock.callCount(), 1);
  });
});
