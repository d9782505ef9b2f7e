import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { entriesOf, findRoot, modulesPage } from "../docs/generate.js";
import { onnxPage } from "../docs/onnx.js";

test("docs/onnx.md is what the tables of operators say; if not, run npm run build && npm run docs", () => {
  const page = readFileSync(join(findRoot(), "docs/onnx.md"), "utf8");
  expect(page).toBe(onnxPage());
  expect(page).toContain("| `Gemm` | 6 | `alpha`, `beta`, `broadcast`, `transA`, `transB` |\n|  | 7– | `alpha`,");
  expect(page).toContain("| `FusedMatMul` | 1– |");
});

describe("docs/modules.md", () => {
  test("is what the sources' docstrings say; if not, run npm run build && npm run docs", () => {
    const root = findRoot();
    expect(readFileSync(join(root, "docs/modules.md"), "utf8")).toBe(modulesPage(root));
  });

  test("takes the first sentence, and what differs from PyTorch", () => {
    const text = "/**\n * y = x. More.\n * PyTorch: another name. Errors: none.\n */\nexport class A extends B {}";
    expect(entriesOf(text, "class")).toEqual([{ name: "A", summary: "y = x", difference: "another name." }]);
  });

  test("does not end a sentence within brackets, but behind them", () => {
    const text = "/** One step. (Zeiler, ADADELTA: A Method, 2012.) Errors: none. */\nexport function* f() {}";
    const summary = "One step. (Zeiler, ADADELTA: A Method, 2012.)";
    expect(entriesOf(text, "function")).toEqual([{ name: "f", summary, difference: "" }]);
  });
});
