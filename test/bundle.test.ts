import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const lib = new URL("../build/lib/", import.meta.url);

/** What a file of the build imports when it is loaded, or later. */
function importsOf(file: string): string[] {
  const text = readFileSync(new URL(file, lib), "utf8");
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["'`]([\w@./:-]+)["'`]/g)].map(([, name]) => name!);
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

  test("for Node say that they are", () => {
    expect([...closure("node.js")]).toContain("node:fs");
  });
});
