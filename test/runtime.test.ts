import { afterAll, describe, expect, test } from "vitest";
import { platform, setPlatform } from "../src/backend/platform.js";
import { probe } from "../src/backend/probe.js";
import { ArgumentError, type Binary, init, initSync, RuntimeError, runtime, scope, tensor } from "../src/node.js";

/** Node from version 24 on an x64 machine. */
const WIDENS = Number.parseInt(process.versions.node, 10) >= 24 && process.arch === "x64";

afterAll(() => {
  initSync();
});

describe("the choice of kernels", () => {
  test("is the best binary that the engine runs as it is, without wide vectors", async () => {
    const info = await init();
    expect(info.binary).toBe(probe().binary);
    expect(info.wideVectors).toBe(false);
    expect(info).toEqual(runtime());
  });

  test("can be asked for, with the package's own files or with others", async () => {
    expect((await init({ binary: "simd" })).why).toMatch(/^simd was asked for/);
    const bytes = platform.read!("simd");
    const module = new WebAssembly.Module(bytes);
    for (const source of [bytes, module, Promise.resolve(bytes)]) {
      initSync();
      expect((await init(source, { binary: "simd" })).binary).toBe("simd");
    }
  });

  test("is told to a function that has several sources", async () => {
    const asked: string[] = [];
    const source = (binary: Binary) => {
      asked.push(binary);
      return binary === "simd" ? platform.read!(binary) : Promise.resolve(platform.read!(binary));
    };
    expect((await init(source)).binary).toBe(probe().binary);
    expect((await init(source, { binary: "simd" })).binary).toBe("simd");
    expect(asked).toEqual([probe().binary, "simd"]);
  });

  test("refuses options that it does not know or cannot read", async () => {
    expect(() => initSync({ wide: true } as never)).toThrow('unknown option "wide"');
    expect(() => initSync({ wideVectors: 1 } as never)).toThrow("wideVectors is 1; expected true or false");
    await expect(init({ binary: "avx" } as never)).rejects.toThrow(ArgumentError);
    expect(() => initSync({ binary: "wide" } as never)).toThrow(ArgumentError);
    expect(() => initSync({ binary: "simd", wideVectors: true })).toThrow(ArgumentError);
  });
});

describe("wide vectors", () => {
  test.runIf(WIDENS)("can be turned on after other modules have been compiled, and off again", async () => {
    initSync({ binary: "relaxed" });
    const info = await init({ wideVectors: true });
    expect(info).toMatchObject({ backend: "wasm", binary: "wide", wideVectors: true });
    expect(info.why).toMatch(/^wide vectors were asked for/);
    scope(() => {
      // More rows and columns than a tile, and some left over.
      const a = tensor(
        Float32Array.from({ length: 29 * 70 }, (_, i) => (i % 13) - 6),
        { shape: [29, 70] },
      );
      const b = tensor(
        Float32Array.from({ length: 70 * 91 }, (_, i) => (i % 11) - 5),
        { shape: [70, 91] },
      );
      const wide = a.matmul(b).tolist();
      expect(initSync()).toMatchObject({ wideVectors: false, binary: "relaxed" });
      expect(a.matmul(b).tolist()).toEqual(wide);
      a.dispose();
      b.dispose();
    });
  });

  // Skipped where wide vectors can be had: the test before this one shows them there.
  test.skipIf(WIDENS)("are refused where the engine does not have them, and nothing changes", async () => {
    const before = initSync();
    expect(() => initSync({ wideVectors: true })).toThrow(RuntimeError);
    await expect(init({ wideVectors: true })).rejects.toThrow("cannot use wide vectors");
    expect(runtime()).toEqual(before);
  });

  // Skipped where the engine lacks relaxed SIMD: it is refused for that before the platform is asked.
  test.skipIf(probe().binary === "simd")("are refused with the reason that the platform gives", () => {
    const own = platform;
    setPlatform({ ...own, widen: () => "the flag was refused" });
    try {
      expect(() => initSync({ wideVectors: true })).toThrow("init: cannot use wide vectors: the flag was refused");
    } finally {
      setPlatform(own);
    }
  });
});
