import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveSafetensors, type Tensor, tensor } from "quadlane";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JsonObject } from "./conformance/cases.js";
import { compareTensors, type Golden } from "./conformance/compare.js";
import { crc32, uniform } from "./conformance/formula.js";
import { main } from "./conformance/main.js";
import { Report } from "./conformance/report.js";

const TOLERANCE = { rtol: 0.01, atol: 0.001 };

function vector(...data: number[]): Golden {
  return { shape: [data.length], dtype: "float32", data };
}

describe("the comparison", () => {
  test("allows atol + rtol·|want| and no more", () => {
    expect(compareTensors("y", vector(10.1, 0.001), vector(10, 0), TOLERANCE)).toBeNull();
    expect(compareTensors("y", vector(10.102), vector(10), TOLERANCE)).not.toBeNull();
  });

  test("takes NaN for equal to NaN and an infinity for equal to the same infinity only", () => {
    expect(
      compareTensors("y", vector(NaN, Infinity, -Infinity), vector(NaN, Infinity, -Infinity), TOLERANCE),
    ).toBeNull();
    for (const [got, want] of [
      [NaN, 1],
      [1, NaN],
      [Infinity, 1],
      [1, Infinity],
      [-Infinity, Infinity],
    ] as const) {
      expect(compareTensors("y", vector(got), vector(want), TOLERANCE)).not.toBeNull();
    }
  });

  test("wants the same shape", () => {
    const column: Golden = { shape: [2, 1], dtype: "float32", data: [1, 2] };
    expect(compareTensors("y", column, vector(1, 2), TOLERANCE)?.text).toBe("shape [2, 1]; expected [2]");
  });

  test("compares integers exactly and by value", () => {
    const want: Golden = { shape: [1], dtype: "int32", data: [1000] };
    expect(compareTensors("y", vector(1000), want, TOLERANCE)).toBeNull();
    expect(compareTensors("y", { ...want, data: [1001] }, want, TOLERANCE)).not.toBeNull();
  });

  test("names the worst element by its index", () => {
    const want: Golden = { shape: [2, 2], dtype: "float32", data: [1, 1, 1, 1] };
    expect(compareTensors("y", { ...want, data: [1, 1.5, 3, 1] }, want, TOLERANCE)).toEqual({
      what: "y",
      text: "absolute error 2.00e+0, relative 2.00e+0: 3, expected 1 at [1, 0]; 2 of 4 elements differ",
    });
  });

  test("passes empty tensors", () => {
    expect(compareTensors("y", vector(), vector(), TOLERANCE)).toBeNull();
  });
});

test("the report counts by family and back end and ends in the sum", () => {
  const report = new Report();
  expect(report.add("conv", "conv/a", "js", [])).toBeNull();
  expect(
    report.add("conv", "conv/a", "wasm", [
      { what: "outputs", text: "two\n lines" },
      { what: "memory", text: "" },
    ]),
  ).toBe("FAIL conv/a [wasm] outputs: two lines (and 1 more)");
  expect(report.table(["js", "wasm"])).toBe("family   js  wasm\nconv    1/1   0/1");
  expect(report.summary()).toBe("1 passed, 1 failed");
});

describe("the formula of the weights", () => {
  test("has the common CRC-32", () => {
    expect(crc32("123456789")).toBe(0xcbf43926);
  });

  test("agrees with the definition in big integers", () => {
    const reference = (key: string, i: number): number => {
      const mask = 0xffffffffn;
      let x = (BigInt(i) * 2654435761n + BigInt(crc32(key))) & mask;
      x ^= x >> 16n;
      x = (x * 0x85ebca6bn) & mask;
      x ^= x >> 13n;
      x = (x * 0xc2b2ae35n) & mask;
      x ^= x >> 16n;
      return Number(x) / 2 ** 31 - 1;
    };
    const u = uniform("layer.0.weight");
    for (const i of [0, 1, 2, 1000, 123456789]) expect(u(i)).toBe(reference("layer.0.weight", i));
  });
});

describe("the command", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "conformance-"));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });

  function family(name: string, cases: readonly JsonObject[], tensors: Record<string, Tensor> = {}): void {
    writeFileSync(join(dir, `${name}.json`), JSON.stringify(cases));
    saveSafetensors(join(dir, `${name}.safetensors`), tensors);
    for (const t of Object.values(tensors)) t.dispose();
  }

  function run(...argv: string[]): { code: number; lines: string[]; last: string | undefined } {
    const lines: string[] = [];
    const code = main(argv, (line) => lines.push(...line.split("\n")));
    return { code, lines, last: lines.at(-1) };
  }

  const sum: JsonObject = {
    name: "add/sum",
    kind: "functional",
    function: "add",
    inputs: ["x", { function: "mul", inputs: ["x", 3] }],
    needsGrad: ["x"],
    outputs: "y",
    gradOutputs: "gy",
    gradInputs: { x: "gx" },
  };
  const sumTensors = (): Record<string, Tensor> => ({
    x: tensor([1, 2]),
    y: tensor([4, 8]),
    gy: tensor([1, 10]),
    gx: tensor([4, 40]),
  });

  test("runs values and gradients on both back ends and exits 0", () => {
    family("sums", [sum], sumTensors());
    expect(run(dir)).toMatchObject({ code: 0, last: "2 passed, 0 failed" });
    expect(run(dir, "--backend", "js").last).toBe("1 passed, 0 failed");
  });

  test("prints one line for a failing case and exits 1", () => {
    family("sums", [sum], { ...sumTensors(), y: tensor([4, 9]) });
    const { code, lines, last } = run(dir, "--backend", "wasm");
    expect(code).toBe(1);
    expect(lines[0]).toBe(
      "FAIL add/sum [wasm] outputs: absolute error 1.00e+0, relative 1.11e-1: 8, expected 9 at [1]; 1 of 2 elements differ",
    );
    expect(last).toBe("0 passed, 1 failed");
  });

  test("compares gradients", () => {
    family("sums", [sum], { ...sumTensors(), gx: tensor([4, 41]) });
    expect(run(dir, "--backend", "js").lines[0]).toContain("FAIL add/sum [js] gradInputs x: absolute error 1.00e+0");
  });

  test("fails what the library lacks, even where an error is expected", () => {
    family("unknown", [
      { name: "a/b", kind: "functional", function: "noSuchFunction", inputs: [], outputs: null },
      { name: "c/d", kind: "module", module: "NoSuchModule", args: [], inputs: [], throws: ["NoSuchModule"] },
      { name: "e/f", kind: "functional", function: "constructor", inputs: [], throws: [] },
    ]);
    const { code, lines } = run(dir, "--backend", "js");
    expect(code).toBe(1);
    expect(lines.slice(0, 3)).toEqual([
      "FAIL a/b [js] case: the library has no functional.noSuchFunction",
      "FAIL c/d [js] case: the library has no nn.NoSuchModule",
      "FAIL e/f [js] case: the library has no functional.constructor",
    ]);
  });

  test("accepts the expected error and no other", () => {
    const refused = { kind: "functional", function: "add", inputs: ["x", "y"] };
    family(
      "errors",
      [
        { ...refused, name: "right", throws: ["add", "2", "3"] },
        { ...refused, name: "wrong", throws: ["add", "7"] },
        { ...refused, name: "none", inputs: ["x", "x"], throws: ["add"] },
      ],
      { x: tensor([1, 2]), y: tensor([1, 2, 3]) },
    );
    const { lines, last } = run(dir, "--backend", "js");
    expect(lines[0]).toMatch(/^FAIL wrong \[js\] message: "add: .*" lacks "7"$/);
    expect(lines[1]).toBe('FAIL none [js] error: nothing was thrown; expected a message with "add"');
    expect(last).toBe("1 passed, 2 failed");
  });

  test("fails a malformed case and a family whose tensors cannot be read", () => {
    family("odd", [{ name: "x", kind: "poem" }]);
    writeFileSync(join(dir, "torn.json"), "[]");
    const { lines, last } = run(dir, "--backend", "js");
    expect(lines[0]).toContain('FAIL x [js] case: malformed case: kind is "poem"');
    expect(lines[1]).toContain("FAIL torn [js] files: ");
    expect(last).toBe("0 passed, 2 failed");
  });

  test("chooses by family and by name", () => {
    family("sums", [sum, { ...sum, name: "add/other" }], sumTensors());
    family("more", [{ ...sum, name: "add/more" }], sumTensors());
    expect(run(dir, "--family", "sums", "--backend", "js").last).toBe("2 passed, 0 failed");
    expect(run(dir, "--filter", "^add/(sum|more)$", "--backend", "js").last).toBe("2 passed, 0 failed");
  });

  test("exits 1 where there is no case", () => {
    mkdirSync(join(dir, "empty"));
    expect(run(join(dir, "empty"))).toMatchObject({ code: 1, last: "0 passed, 0 failed" });
    expect(run(join(dir, "missing"))).toMatchObject({ code: 1, last: "0 passed, 0 failed" });
    family("sums", [sum], sumTensors());
    expect(run(dir, "--filter", "nothing").code).toBe(1);
    expect(run(dir, join(dir, "empty")).code).toBe(1);
  });

  test("answers wrong arguments with the usage and exits 2", () => {
    for (const argv of [["--backend", "gpu"], ["--bogus"], ["--filter", "("]]) {
      const { code, lines } = run(...argv);
      expect(code).toBe(2);
      expect(lines.join("\n")).toContain("usage: npm run conformance");
    }
  });
});
