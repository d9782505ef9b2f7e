import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tools import the package by its name; under test that is the source, not a build that may be older.
  resolve: { alias: { quadlane: fileURLToPath(new URL("./src/node.ts", import.meta.url)) } },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/engine.ts", "test/support/pool.ts"],
    testTimeout: 60_000,
    // By default one processor is left alone, which on two of them is half of the time.
    maxWorkers: "100%",
  },
});
