import { describe, expect, test } from "vitest";
import { compile, manualSeed, models, randn, scope } from "../../src/node.js";
import { Program } from "../../src/program/index.node.js";

describe("a program", () => {
  test("does what its session does", () => {
    manualSeed(1);
    const model = new models.LeNet5().eval();
    const x = randn([1, 1, 28, 28]);
    const session = compile(model, x);
    const file = session.toProgram({ input: x });
    const program = Program.loadSync(file);
    for (const feed of [x.data() as Float32Array, (x.data() as Float32Array).reverse()]) {
      expect(program.run({ input: feed })["output"]).toEqual(scope(() => session.run({ input: feed })["output"]!.data()));
    }
    console.log(file.length, String(program));
  });
});
