import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
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

describe("links", () => {
  /** What a heading is called in an address. */
  const anchorsOf = (text: string): string[] =>
    Array.from(text.matchAll(/^#+ (.+)$/gm), ([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-"),
    );
  const root = findRoot();
  const packages = readdirSync(join(root, "examples"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const folders = ["bench", "docs", "docs/design", "examples", ...packages.map(({ name }) => `examples/${name}`)];
  const pages = ["README.md", ...folders.flatMap(pagesIn)];

  function pagesIn(folder: string): string[] {
    return readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `${folder}/${name}`);
  }

  test.each(pages)("of %s lead to files and headings that there are", (page) => {
    const text = readFileSync(join(root, page), "utf8");
    const broken = Array.from(text.matchAll(/\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)/g)).filter(([, path, anchor]) => {
      const target = path === "" ? join(root, page) : join(root, dirname(page), path!);
      return !existsSync(target) || (anchor !== "" && !anchorsOf(readFileSync(target, "utf8")).includes(anchor!));
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  test("of the architecture lead to every page of docs/design", () => {
    const text = readFileSync(join(root, "docs/architecture.md"), "utf8");
    expect(pagesIn("docs/design").filter((page) => !text.includes(`(${page.slice("docs/".length)})`))).toEqual([]);
  });
});
