import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { getBackend, memory, models, noGrad, tensor } from "../src/node.js";
import { fillByFormula, formulaTensor, uniform } from "./conformance/formula.js";
import type { Fingerprint } from "./fingerprints/fingerprint.js";
import { main } from "./fingerprints/main.js";

const folder = mkdtempSync(join(tmpdir(), "quadlane-fingerprints-"));
const FILE = join(folder, "fingerprints.json");
afterAll(() => rmSync(folder, { recursive: true }));

let real: Fingerprint;
beforeAll(() => {
  const model = models.create("squeezenet1_1").eval();
  const input = [1, 3, 32, 32];
  const u = uniform("input");
  const x = tensor(
    Float32Array.from({ length: 3072 }, (_, i) => u(i)),
    { shape: input },
  );
  const state = [...model.stateDict()];
  for (const [key, t] of state) fillByFormula(key, t);
  const y = noGrad(() => [...model.forward(x).data()]);
  real = {
    name: "squeezenet1_1",
    parameters: 1_235_496,
    keys: Object.fromEntries(state.map(([key, t]) => [key, t.shape])),
    input,
    logits: y.slice(0, 16),
    argmax: y.indexOf(Math.max(...y)),
    absMax: Math.max(...y.map(Math.abs)),
  };
  x.dispose();
  model.dispose();
});

function run(fingerprints: unknown, ...args: string[]): { lines: string[]; code: number } {
  writeFileSync(FILE, JSON.stringify(fingerprints));
  const lines: string[] = [];
  const code = main([FILE, ...args], (line) => lines.push(line));
  return { lines, code };
}

describe("the fingerprints' runner", () => {
  test("passes a model that matches, on either back end, and leaves nothing behind", () => {
    const before = memory().liveBlocks;
    expect(run([real])).toEqual({ lines: ["1 passed, 0 failed"], code: 0 });
    expect(run([real], "--backend", "js")).toEqual({ lines: ["1 passed, 0 failed"], code: 0 });
    expect(memory().liveBlocks).toBe(before);
    expect(getBackend()).toBe("wasm");
  });

  test("tells in a line what differs", () => {
    const { "classifier.1.bias": bias, ...fewer } = real.keys;
    const [first, second, ...others] = Object.entries(real.keys);
    const logits = real.logits.map((v, i) => (i === 3 ? v + 3e-4 * real.absMax : v));
    const { lines, code } = run([
      { ...real, parameters: 7 },
      { ...real, keys: { ...fewer, "classifier.1.bias": [999] } },
      { ...real, keys: fewer },
      { ...real, keys: Object.fromEntries([second!, first!, ...others]) },
      { ...real, argmax: real.argmax + 1 },
      { ...real, logits },
      { ...real, name: "squeezenet9" },
      real,
    ]);
    expect(lines).toEqual([
      "FAIL squeezenet1_1: 1235496 parameters; expected 7",
      "FAIL squeezenet1_1: key 51 is classifier.1.bias [1000]; expected classifier.1.bias [999]",
      "FAIL squeezenet1_1: key 51 is classifier.1.bias [1000]; expected nothing",
      "FAIL squeezenet1_1: key 0 is features.0.weight [64, 3, 3, 3]; expected features.0.bias [64]",
      `FAIL squeezenet1_1: argmax is ${real.argmax}; expected ${real.argmax + 1}`,
      expect.stringMatching(/^FAIL squeezenet1_1: logit 3 is .*; expected .* within 0.0002/),
      expect.stringMatching(/^FAIL squeezenet9: create: there is no model "squeezenet9"; near are squeezenet1_0/),
      "1 passed, 7 failed",
    ]);
    expect(code).toBe(1);
    expect(bias).toEqual([1000]);
  });

  test("runs only what is asked for, and fails if that is nothing", () => {
    expect(run([real, { ...real, name: "none" }], "--only", "^squeeze").lines).toEqual(["1 passed, 0 failed"]);
    expect(run([real], "--only", "^alex")).toEqual({ lines: ["0 passed, 0 failed"], code: 1 });
  });

  test("refuses wrong arguments and files, with its usage", () => {
    const refused = (...args: string[]): string => {
      const lines: string[] = [];
      expect(main(args, (line) => lines.push(line))).toBe(2);
      return lines.join("\n");
    };
    expect(refused()).toContain("0 files; expected one\n\nusage: npm run fingerprints -- FILE");
    writeFileSync(FILE, JSON.stringify([{ name: 3 }]));
    expect(refused(FILE)).toContain("is no list of fingerprints");
    expect(refused(FILE, "--backend", "gpu")).toContain('--backend is "gpu"; expected js or wasm');
  });

  test("fills large tensors part by part as small ones", () => {
    const shape = [2, (1 << 19) + 3];
    const a = tensor(new Float32Array(shape[0]! * shape[1]!), { shape });
    fillByFormula("x.weight", a);
    const whole = formulaTensor("x.weight", a);
    expect(a.data()).toEqual(whole.data());
    for (const t of [a, whole]) t.dispose();
  });
});
