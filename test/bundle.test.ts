import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const lib = new URL("../build/lib/", import.meta.url);

/** What is imported when a file is loaded, and what may be later. There are no spaces in minified code, but in messages. */
const NOW = /\b(?:from|import)["']([\w@./:-]+)["']/g;
const EVER = /\b(?:from|import)\(?["'`]([\w@./:-]+)["'`]/g;

function importsOf(file: string, pattern = EVER): string[] {
  const text = readFileSync(new URL(file, lib), "utf8");
  return [...text.matchAll(pattern)].map(([, name]) => name!);
}

/** All that a file needs, directly or not; what lies outside of the build is not looked into. */
function closure(file: string, found = new Set<string>()): Set<string> {
  for (const name of importsOf(file)) {
    if (found.has(name)) continue;
    found.add(name);
    if (name.startsWith("./")) closure(name, found);
  }
  return found;
}

describe("the built files", () => {
  test("for all platforms need nothing of Node, nor anything that does", () => {
    const needed = [...closure("index.js")];
    expect(needed).toContain("./core.js");
    expect(needed.filter((name) => !name.startsWith("./"))).toEqual(["@assemblyscript/loader"]);
  });

  test("that Web Workers run stand alone", () => {
    expect(importsOf("threads_worker.js")).toEqual([]);
  });

  test("that serve a program do so without the rest of the library", () => {
    expect(importsOf("serve_worker.node.js", NOW).sort()).toEqual([
      "./base.js",
      "./batch.js",
      "node:worker_threads",
      "piscina",
    ]);
    const needed = ["batch.js", "program.node.js"].flatMap((file) => [...closure(file)]);
    expect(new Set(needed.filter((name) => name.startsWith("./")))).toEqual(new Set(["./base.js", "./files.js"]));
  });

  test("for Node say that they are", () => {
    expect([...closure("node.js")]).toContain("node:fs");
  });
});
