import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as js from "../src/backend/js/index.js";
import { loadRows } from "./support/rows.js";

const root = fileURLToPath(new URL("..", import.meta.url));

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile() && f.name.endsWith(".ts"))
    .map((f) => relative(root, join(f.parentPath, f.name)))
    .filter((f) => !f.includes("node_modules"));
}

const sources = filesBelow("src");

/** Files that a source file imports for their values; `import type` vanishes at compile time. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const found: string[] = [];
  for (const m of text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^;]*?\sfrom\s+)?"(\.[^"]+)\.js"/gm)) {
    found.push(`${relative(root, join(root, dirname(file), m[1]!))}.ts`);
  }
  return found.filter((f) => f.startsWith("src"));
}

/** Lower layers first; a file may import its own layer and those before it. */
const LAYERS = [
  ["src/types.ts", "src/errors.ts"],
  ["src/shape.ts"],
  ["src/check.ts"],
  ["src/runtime/"],
  ["src/backend/"],
  ["src/program/"],
  ["src/tensor.ts"],
  ["src/layout.ts"],
  ["src/tape.ts"],
  ["src/autograd.ts"],
  ["src/random.ts", "src/profile.ts"],
  ["src/ops/"],
  ["src/creation.ts", "src/scoping.ts", "src/init.ts", "src/sampling.ts"],
  ["src/functional/"],
  ["src/methods/"],
  ["src/nn/"],
  ["src/optim/"],
  ["src/io/"],
  ["src/data/"],
  ["src/metrics/"],
  ["src/train/"],
  ["src/tune/"],
  ["src/graph/"],
  ["src/onnx/"],
  ["src/models/"],
  ["src/index.ts"],
  ["src/node.ts"],
  ["src/serve/"],
  ["src/cli/"],
];

function layerOf(file: string): number {
  return LAYERS.findIndex((prefixes) => prefixes.some((p) => file.startsWith(p)));
}

describe("the source tree", () => {
  test("places every file in a layer", () => {
    expect(sources.filter((f) => layerOf(f) < 0)).toEqual([]);
  });

  test("imports only from the same layer or lower ones", () => {
    const upward = sources.flatMap((f) =>
      importsOf(f)
        .filter((i) => layerOf(i) > layerOf(f))
        .map((i) => `${f} imports ${i}`),
    );
    expect(upward).toEqual([]);
  });

  test("has no import cycle", () => {
    const graph = new Map(sources.map((f) => [f, importsOf(f)]));
    const state = new Map<string, "open" | "done">();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (state.get(file) === "done") return;
      if (state.get(file) === "open") {
        cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
        return;
      }
      state.set(file, "open");
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, "done");
    };
    for (const file of sources) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test("uses Node's built-ins only in files for Node, which no other file imports", () => {
    const forNode = (f: string): boolean => f === "src/node.ts" || f.endsWith(".node.ts") || f.startsWith("src/cli/");
    const others = sources.filter((f) => !forNode(f));
    expect(others.filter((f) => /\bfrom "node:/.test(readFileSync(join(root, f), "utf8")))).toEqual([]);
    expect(others.filter((f) => importsOf(f).some(forNode))).toEqual([]);
  });

  test("keeps every file within 400 lines", () => {
    const long = [...sources, ...filesBelow("assembly"), ...filesBelow("test")]
      .map((f) => [f, readFileSync(join(root, f), "utf8").split("\n").length] as const)
      .filter(([, lines]) => lines > 401);
    expect(long).toEqual([]);
  });

  test("uses neither any nor double casts nor silenced types", () => {
    const bad = /\bas any\b|: any\b|<any>|as unknown as|@ts-ignore|@ts-nocheck/;
    expect(sources.filter((f) => bad.test(readFileSync(join(root, f), "utf8")))).toEqual([]);
  });

  test("names a kernel family alike in both back ends", () => {
    const families = (folder: string): string[] =>
      filesBelow(folder)
        .map((f) => f.slice(folder.length + 1))
        .filter((f) => f !== "index.ts" && !f.startsWith("lib/"))
        .sort();
    expect(families("assembly")).toEqual(families("src/backend/js"));
  });

  test("tells the family of every kernel file by the ops' file name and has rows for it", () => {
    const ops = sources
      .filter((f) => f.startsWith("src/ops/") && f !== "src/ops/op.ts")
      .map((f) => f.slice("src/ops/".length));
    const rows = filesBelow("test/cases").map((f) => f.slice("test/cases/".length));
    expect(ops.filter((f) => !rows.includes(f))).toEqual([]);
  });
});

describe("every op", async () => {
  interface AnyOp {
    kind: "op";
    name: string;
    backward: unknown;
    forward?: unknown;
    view?: unknown;
  }
  const isOp = (v: unknown): v is AnyOp =>
    typeof v === "object" && v !== null && (v as { kind?: unknown }).kind === "op";
  const load = async (f: string): Promise<object> => (await import(join(root, f))) as object;
  const modules = await Promise.all(sources.filter((f) => f.startsWith("src/ops/")).map(load));
  const ops = modules.flatMap((m) => Object.values(m).filter(isOp));
  const rows = await loadRows();

  test("has a name of its own", () => {
    const names = ops.map((o) => o.name);
    expect(names.filter((n, i) => names.indexOf(n) !== i)).toEqual([]);
  });

  test("has a gradient, or says why it has none", () => {
    const bad = ops.filter(
      (o) => typeof o.backward !== "function" && !(o.backward as { notDifferentiable?: string }).notDifferentiable,
    );
    expect(bad.map((o) => o.name)).toEqual([]);
  });

  test("computes or is a view", () => {
    expect(ops.filter((o) => (o.forward === undefined) === (o.view === undefined)).map((o) => o.name)).toEqual([]);
  });

  test("is covered by a row of tests", () => {
    const covered = new Set(rows.flatMap((r) => r.ops));
    expect(ops.map((o) => o.name).filter((n) => !covered.has(n))).toEqual([]);
  });

  test("has a bench size, in one of its rows", () => {
    const timed = new Set(rows.filter((r) => (r.bench ?? []).length > 0).flatMap((r) => r.ops));
    expect(ops.map((o) => o.name).filter((n) => !timed.has(n))).toEqual([]);
  });

  test("named by a row exists", () => {
    const known = new Set(ops.map((o) => o.name));
    expect(rows.flatMap((r) => r.ops).filter((n) => !known.has(n))).toEqual([]);
  });
});

describe("the rows", async () => {
  const rows = await loadRows();

  test("have names of their own, and so have the bench sizes of each", () => {
    const repeated = (names: readonly string[]): string[] => names.filter((n, i) => names.indexOf(n) !== i);
    expect(repeated(rows.map((r) => r.name))).toEqual([]);
    expect(rows.filter((r) => repeated((r.bench ?? []).map((b) => b.name)).length > 0)).toEqual([]);
  });

  test("say of every bench size how much work it is", () => {
    const silent = rows.flatMap((r) =>
      (r.bench ?? []).filter((b) => b.flops === undefined && b.bytes === undefined).map((b) => `${r.name}/${b.name}`),
    );
    expect(silent).toEqual([]);
  });
});

/** Engines without relaxed SIMD cannot even compile the other binaries; `npm run test:engines` runs this on one that has it. */
const relaxedRuns = WebAssembly.validate(readFileSync(join(root, "build/kernels.relaxed.wasm")));

describe.each(["simd", "relaxed", "wide"])("the %s binary", (name) => {
  const bytes = readFileSync(join(root, `build/kernels.${name}.wasm`));

  test("stays within 200 KB", () => {
    expect(bytes.length).toBeLessThanOrEqual(200 * 1024);
  });

  describe.skipIf(name !== "simd" && !relaxedRuns)("compiled, for which this engine may lack relaxed SIMD", () => {
    const module = name === "simd" || relaxedRuns ? new WebAssembly.Module(bytes) : null;

    test("exports what the JavaScript back end exports, and nothing else", () => {
      const kernels = WebAssembly.Module.exports(module!).map((e) => e.name);
      expect(kernels.sort()).toEqual(Object.keys(js).sort());
    });

    test("imports nothing but the memory", () => {
      expect(WebAssembly.Module.imports(module!).map((i) => i.kind)).toEqual(["memory"]);
    });
  });
});
