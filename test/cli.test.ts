import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { FILES, parseOptions, UsageError } from "../examples/lenet/options.js";
import { idxBytes } from "./support/idx.js";

const folder = mkdtempSync(join(tmpdir(), "quadlane-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the main job's command line", () => {
  test("has a default for everything", () => {
    expect(parseOptions([])).toEqual({
      data: null,
      epochs: 4,
      batch: 64,
      lr: 0.003,
      backend: "wasm",
      seed: 1,
      short: false,
    });
  });

  test("makes two passes in a short run, unless told otherwise", () => {
    expect(parseOptions(["--short"])).toMatchObject({ short: true, epochs: 2 });
    expect(parseOptions(["--short", "--epochs", "3"])).toMatchObject({ short: true, epochs: 3 });
  });

  test("takes every option, with a space or an equals sign", () => {
    const args = ["--epochs", "2", "--batch=32", "--lr", "1e-2", "--backend", "js", "--seed", "0"];
    expect(parseOptions(args)).toEqual({
      data: null,
      epochs: 2,
      batch: 32,
      lr: 0.01,
      backend: "js",
      seed: 0,
      short: false,
    });
  });

  test("asks for help", () => {
    expect(parseOptions(["--help"])).toBeNull();
  });

  test("takes a folder that holds all four files, plain or compressed", () => {
    const names = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"];
    for (const name of names) writeFileSync(join(folder, name), "");
    expect(() => parseOptions(["--data", folder])).toThrow("neither t10k-labels-idx1-ubyte nor");
    writeFileSync(join(folder, "t10k-labels-idx1-ubyte"), "");
    expect(parseOptions(["--data", folder])?.data).toBe(folder);
  });

  test.each([
    [["--epoch", "3"], "--epoch"],
    [["--verbose"], "--verbose"],
    [["extra"], "extra"],
    [["--epochs"], "--epochs"],
    [["--epochs", "0"], '"0"'],
    [["--epochs", "1.5"], '"1.5"'],
    [["--epochs", "three"], '"three"'],
    [["--epochs=-1"], '"-1"'],
    [["--batch", "0x10"], '"0x10"'],
    [["--batch", ""], '""'],
    [["--lr", "0"], '"0"'],
    [["--lr=-0.1"], '"-0.1"'],
    [["--lr", "NaN"], '"NaN"'],
    [["--lr", "Infinity"], '"Infinity"'],
    [["--lr", " "], '" "'],
    [["--backend", "gpu"], '"gpu"'],
    [["--seed", "-3"], "--seed"],
    [["--seed", "12345678901234567890"], '"12345678901234567890"'],
    [["--data", "/no/such/folder"], "/no/such/folder"],
    [["--data", "package.json"], "package.json"],
    [["--help=yes"], "--help"],
  ])("refuses %j", (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});

const built = fileURLToPath(new URL("../build/tools/examples/lenet.js", import.meta.url));
describe.runIf(existsSync(built))("the main job as a process, which `npm run build` makes", () => {
  const run = (...args: string[]): { code: number | null; out: string; err: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [built, ...args], { encoding: "utf8" });
    return { code: status, out: stdout, err: stderr };
  };

  test("prints what was wrong and the usage, and ends with 2", () => {
    const { code, out, err } = run("--epochs", "many");
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain('--epochs is "many"; expected an integer');
    expect(err).toContain("usage: npm start -- [options]");
  });

  test("prints the usage and ends with 0 if asked for help", () => {
    const { code, out } = run("--help");
    expect(code).toBe(0);
    expect(out).toContain("--data DIR");
  });

  test("names a damaged file's fault and ends with 1", () => {
    const bad = mkdtempSync(join(folder, "bad-"));
    for (const file of Object.values(FILES)) writeFileSync(join(bad, file), idxBytes(0x08, [3, 28, 28], [1, 2, 3]));
    const { code, err } = run("--data", bad);
    expect(code).toBe(1);
    expect(err).toContain("IDX: file has 19 bytes; expected 2368");
    expect(err).not.toContain("at ");
  });
});
