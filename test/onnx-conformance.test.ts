import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Tensor, tensor } from "quadlane";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tensorProto } from "../src/onnx/messages.js";
import { encodeMessage } from "../src/onnx/protobuf.js";
import { main } from "./onnx/main.js";
import { initializer, modelBytes, node, value } from "./support/onnx-model.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quadlane-onnx-cases-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A case of one operator on one input. */
function addCase(name: string, opType: string, x: Tensor, y: Tensor): void {
  const set = join(folder, name, "test_data_set_0");
  mkdirSync(set, { recursive: true });
  const ends = { input: [value("x")], output: [value("y")] };
  writeFileSync(join(folder, name, "model.onnx"), modelBytes({ ...ends, node: [node(opType, ["x"], ["y"])] }));
  writeFileSync(join(set, "input_0.pb"), encodeMessage(tensorProto, initializer("x", x)));
  writeFileSync(join(set, "output_0.pb"), encodeMessage(tensorProto, initializer("y", y)));
}

function run(...argv: string[]): { code: number; lines: string[] } {
  const lines: string[] = [];
  const code = main(argv, (line) => lines.push(line));
  return { code, lines };
}

test("counts passes by operator and back end", () => {
  addCase("test_relu", "Relu", tensor([-1, 2]), tensor([0, 2]));
  addCase("deep/test_neg", "Neg", tensor([-1, 2]), tensor([1, -2]));
  const { code, lines } = run(folder);
  expect(code).toBe(0);
  expect(lines.at(-1)).toBe("4 passed, 0 failed");
  expect(lines.at(-2)).toMatch(/Relu +1\/1 +1\/1$/m);
});

test("tells what differs, and which operators are missing", () => {
  addCase("test_relu", "Relu", tensor([-1, 2]), tensor([0, 2.1]));
  addCase("test_shape", "Relu", tensor([-1, 2]), tensor([[0, 2]]));
  addCase("test_type", "Shape", tensor([-1, 2]), tensor([2]));
  addCase("test_new", "Frobnicate", tensor([1]), tensor([1]));
  const { code, lines } = run(folder, "--backend", "js", "--way", "module");
  expect(code).toBe(1);
  expect(lines.at(-1)).toBe("0 passed, 4 failed");
  const line = (name: string): string => lines.find((l) => l.startsWith(`FAIL ${name}`)) ?? "";
  expect(line("test_relu")).toContain("[1]; 1 of 2 elements differ");
  expect(line("test_shape")).toContain("shape [2]; expected [1, 2]");
  expect(line("test_type")).toContain("is int32; expected float32");
  expect(line("test_new")).toContain('Frobnicate (domain "ai.onnx", version 17)');
});

test("fails if there is nothing to run, and for arguments that mean nothing", () => {
  expect(run(folder).code).toBe(1);
  expect(run(join(folder, "none")).code).toBe(1);
  for (const argv of [[], [folder, "--backend", "gpu"], [folder, "--way", "none"], [folder, "--fast"]]) {
    expect(run(...argv).code).toBe(2);
  }
});

const shared = fileURLToPath(new URL("../../shared/onnx", import.meta.url));

test.runIf(existsSync(shared))("passes ONNX's own cases where they are at hand", () => {
  const { lines } = run(join(shared, "pytorch-operator"), join(shared, "simple"), "--backend", "wasm");
  expect(lines.filter((l) => l.startsWith("FAIL"))).toEqual([]);
});
