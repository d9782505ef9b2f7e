import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findRoot } from "../docs/generate.js";
import { ROWS } from "../docs/model_rows.js";
import { lineStart, linesOf } from "../docs/models.js";
import { models, type nn } from "../src/node.js";
import { readFingerprints } from "./fingerprints/fingerprint.js";
import { sharedFile } from "./support/shared.js";

const lines = linesOf(readFileSync(join(findRoot(), "docs/models.md"), "utf8"));

/** The count in the third column. */
const counts = new Map([...lines].map(([name, line]) => [name, Number(line.split(" | ")[2]!.replaceAll(",", ""))]));

/** Building a model fills it at random; the larger ones share classes with these. */
const BUILT_UP_TO = 12e6;

describe("docs/models.md", () => {
  test("and docs/model_rows.ts have every model of models.list(), and no others", () => {
    const names: readonly string[] = models.list();
    expect(names.filter((name) => ROWS[name] === undefined)).toEqual([]);
    expect(Object.keys(ROWS).filter((name) => !names.includes(name))).toEqual([]);
    expect([...lines.keys()], "npm run build && npm run docs:models -- --only NAME").toEqual(names);
  });

  test.each([...counts])("says of %s, which has %d parameters, what its row says", (name, count) => {
    expect(lines.get(name)!.startsWith(lineStart(name, ROWS[name]!, count))).toBe(true);
  });

  test.each([...counts].filter(([, count]) => count <= BUILT_UP_TO))(
    "counts the parameters of %s: %d",
    (name, count) => {
      const model = models.create<nn.Module>(name, ROWS[name]!.options);
      const built = [...model.parameters()].reduce((n, p) => n + p.numel, 0);
      model.dispose();
      expect(built).toBe(count);
    },
  );

  test("counts as torchvision does, where fingerprints of its models are at hand", () => {
    const file = sharedFile("../models/fingerprints.json");
    const wanted =
      file === null ? [] : readFingerprints(file).map(({ name, parameters }) => [name, parameters] as const);
    for (const [name, parameters] of [["resnet50", 25_557_032] as const, ...wanted]) {
      expect(counts.get(name), name).toBe(parameters);
    }
  });

  const UNITS: Readonly<Record<string, number>> = { k: 1e3, M: 1e6 };
  const stated = Object.entries(ROWS).flatMap(([name, row]) =>
    row.stated === null ? [] : [[name, row.stated] as const],
  );

  test.each(stated)("tells why %s has not the %s of the paper, or it has", (name, text) => {
    const [digits, unit] = text.split(" ");
    const theirs = Number(digits!.replaceAll(",", "")) * (unit === undefined ? 1 : UNITS[unit]!);
    // What is stated in full is exact.
    const within = unit === undefined ? 0 : 0.02;
    const differs = Math.abs(counts.get(name)! / theirs - 1) > within;
    expect(ROWS[name]!.why !== undefined).toBe(differs);
  });
});
