import { afterEach, describe, expect, test } from "vitest";
import { nodeFiles } from "../../src/backend/files.node.js";
import {
  ArgumentError,
  compile,
  type DataArray,
  DTypeError,
  functional as F,
  FormatError,
  getBackend,
  nn,
  RuntimeError,
  randn,
  type Session,
  ShapeError,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "../../src/node.js";
import { type Header, readProgram, writeProgram } from "../../src/program/format.js";
import { Program } from "../../src/program/index.node.js";
import { examples, Lambda } from "../support/session.js";

const best = getBackend();
afterEach(() => setBackend(best));

/** What a session gives for arrays. */
function computed(session: Session, feeds: Record<string, DataArray>): Record<string, DataArray> {
  return scope(() => Object.fromEntries(Object.entries(session.run(feeds)).map(([name, t]) => [name, t.data()])));
}

function programOf(model: nn.Module, x: Tensor): Program {
  return Program.loadSync(compile(model, x).toProgram({ input: x }));
}

const floats = (t: Tensor): Float32Array => t.data() as Float32Array;

/** A layer and its program's file. */
const x = randn([2, 3]);
const session = compile(new nn.Linear(3, 2).eval(), x);
const file = session.toProgram({ input: x });

/** The file with another header. */
function changed(change: Partial<Record<keyof Header, unknown>>): Uint8Array<ArrayBuffer> {
  const { header, data } = readProgram("test", file);
  return writeProgram({ ...header, ...change } as Header, [data]);
}

describe("a program", () => {
  test.each(examples.flatMap((example) => (["fast", "least"] as const).map((memory) => ({ ...example, memory }))))(
    "of $name gives the bits of its session, memory: $memory",
    ({ make, shape, memory }) => {
      const example = randn(shape);
      const made = compile(make().eval(), example, { memory });
      const program = Program.loadSync(made.toProgram({ input: example }));
      for (const values of [floats(example), floats(randn(shape)), new Float32Array(example.numel), floats(example)]) {
        expect(program.run({ input: values })).toEqual(computed(made, { input: values }));
      }
    },
  );

  test("tells its inputs, outputs and memory", () => {
    const program = Program.loadSync(file);
    expect(program.inputs).toEqual([{ name: "input", dtype: "float32", shape: [2, 3] }]);
    expect(program.outputs).toEqual([{ name: "output", dtype: "float32", shape: [2, 2] }]);
    expect(program.memoryBytes).toBe(65536);
    expect(String(program)).toBe("Program(input: float32 [2, 3] → output: float32 [2, 2]; 1 steps, 65536 bytes)");
  });

  test("holds the weights of the time when it was made", () => {
    const layer = new nn.Linear(3, 2).eval();
    const program = programOf(layer, x);
    const before = program.run({ input: floats(x) });
    nn.init.zeros_(layer.weight);
    expect(program.run({ input: floats(x) })).toEqual(before);
  });

  test("takes several inputs of all dtypes and gives outputs that are views, inputs or constants", () => {
    const fixed = tensor([1, 2, 3]);
    const model = new Lambda((a: Tensor, ids: Tensor, mask: Tensor) => [
      F.where(mask, a, F.embedding(ids, a)).transpose(0, 1),
      a,
      fixed.mul(2),
      mask.logicalNot(),
    ]);
    const feeds = {
      input_0: randn([3, 3]),
      input_1: tensor([2, 0, 1], { dtype: "int32" }),
      input_2: tensor([[true], [false], [true]]),
    };
    const made = compile(model, Object.values(feeds));
    const program = Program.loadSync(made.toProgram(feeds));
    const arrays = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, t.data()]));
    expect(program.run(arrays)).toEqual(computed(made, arrays));
    // Whatever is not 0 is true.
    expect(program.run({ ...arrays, input_2: Uint8Array.of(7, 0, 1) })).toEqual(program.run(arrays));
    expect(() => program.run({ ...arrays, input_1: Int32Array.of(0, 3, 0) })).toThrow(
      /run: the inputs lead another way/,
    );
    expect(program.run(arrays)).toEqual(computed(made, arrays));
  });

  test("refuses inputs for which the model's code would go another way", () => {
    const model = new Lambda((a: Tensor) => (a.sum().item() > 0 ? a.mul(2) : a.neg()));
    const program = programOf(model, tensor([1, 2]));
    expect(program.run({ input: Float32Array.of(2, 1) }).output).toEqual(Float32Array.of(4, 2));
    expect(() => program.run({ input: Float32Array.of(-2, 1) })).toThrow(RuntimeError);
  });

  test("writes into arrays of the caller's", () => {
    const program = Program.loadSync(file);
    const output = new Float32Array(4);
    program.runInto({ input: floats(x) }, { output });
    expect({ output }).toEqual(computed(session, { input: floats(x) }));
    expect(() => program.runInto({ input: floats(x) }, { output: new Float32Array(3) })).toThrow(ShapeError);
    expect(() => program.runInto({ input: floats(x) }, { y: output })).toThrow(/there is no output "y"/);
  });

  test.each([
    ["a name that there is not", { x: new Float32Array(6) }, ArgumentError, /there is no input "x"; expected "input"/],
    ["no input", {}, ArgumentError, /input "input" is missing/],
    ["no names", new Float32Array(6), ArgumentError, /come without names/],
    ["another type", { input: new Int32Array(6) }, DTypeError, /is Int32Array; expected a Float32Array/],
    ["another size", { input: new Float32Array(5) }, ShapeError, /has 5 values; expected 6 for \[2, 3\]/],
  ])("refuses %s", (_, feeds, type, message) => {
    const run = (): unknown => Program.loadSync(file).run(feeds as Record<string, DataArray>);
    expect(run).toThrow(type);
    expect(run).toThrow(message);
  });

  test("is loaded from bytes, a response or an address, with kernels of several kinds", async () => {
    const kernels = nodeFiles.kernels("simd");
    const simd = new WebAssembly.Module(kernels);
    const portable = changed({ binary: "simd" });
    const url = `data:application/octet-stream;base64,${Buffer.from(portable).toString("base64")}`;
    for (const source of [portable, new Response(portable), url, new URL(url)]) {
      expect(String(await Program.load(source, { kernels: simd }))).toMatch(/^Program\(input/);
    }
    for (const given of [kernels, new Response(kernels), undefined]) {
      const program = await Program.load(portable, given === undefined ? {} : { kernels: given });
      expect(program.outputs).toHaveLength(1);
    }
    await expect(Program.load(new Response("no", { status: 404 }))).rejects.toThrow(/status 404/);
    expect(() => Program.loadSync(portable, { kernel: simd } as object)).toThrow(/unknown option "kernel"/);
    expect(() => Program.loadSync("a.qlp" as never)).toThrow(ArgumentError);
  });
});

describe("the file of a program", () => {
  test("is refused when it is damaged", () => {
    const end = 16 + new DataView(file.buffer).getUint32(8, true);
    for (let i = 0; i < end; i++) {
      const bytes = file.slice();
      bytes[i]! ^= 1 << (i % 8);
      expect(() => Program.loadSync(bytes), `byte ${i}`).toThrow(FormatError);
    }
    for (const end of [0, 7, 12, 15, 20, file.length - 1]) {
      expect(() => Program.loadSync(file.slice(0, end)), `${end} bytes`).toThrow(FormatError);
    }
  });

  const { header } = readProgram("test", file);
  test.each([
    ["another version of the kernels", { version: "0" }, /is for kernels 0, and these are/],
    [
      "a kernel that there is not",
      { kernels: ["frobnicate_f32"] },
      /calls kernel "frobnicate_f32", which there is not/,
    ],
    ["no kernel of its list", { steps: [[5]] }, /calls kernel 5 of 1/],
    ["too few arguments", { steps: [[0, 1]] }, /gets 1 arguments; expected/],
    ["a copy out of its memory", { steps: [[-1, 0, 4e9, 4]] }, /a step copies 4 bytes from 4000000000/],
    ["a place out of its memory", { inputs: [{ ...header.inputs[0]!, at: 4e9 }] }, /lies outside of the memory/],
    ["a place between elements", { outputs: [{ ...header.outputs[0]!, at: 2 }] }, /lies outside of the memory/],
    ["no steps", { steps: null }, /is not that of a program/],
    ["a dtype that there is not", { inputs: [{ ...header.inputs[0]!, dtype: "float64" }] }, /is not that of a program/],
    ["more memory than there is", { memoryBytes: 2 ** 33 }, /is not that of a program/],
    ["data of another size", { memoryBytes: header.memoryBytes + 64 }, /bytes of data; expected/],
  ])("is refused with %s", (_, change, message) => {
    const load = (): unknown => Program.loadSync(changed(change));
    expect(load).toThrow(FormatError);
    expect(load).toThrow(message);
  });

  test("cannot reach beyond its memory", () => {
    const far = header.steps[0]!.map((operand, i) => (i === 1 ? 4e9 : operand));
    expect(() => Program.loadSync(changed({ steps: [far] })).run({ input: floats(x) })).toThrow(RuntimeError);
    expect(() => Program.loadSync(changed({ setup: [far] }))).toThrow(RuntimeError);
  });

  test("is for one binary", () => {
    const other = header.binary === "simd" ? "relaxed" : "simd";
    const kernels = new WebAssembly.Module(nodeFiles.kernels(header.binary));
    expect(() => Program.loadSync(changed({ binary: other }), { kernels })).toThrow(
      `is for the ${other} kernels; expected those, got the ${header.binary} ones`,
    );
    expect(() => Program.loadSync(file, { kernels: Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0) })).toThrow(
      /have no section "quadlane"/,
    );
  });

  test("is not made without WebAssembly kernels, or from a session that is gone", () => {
    const made = compile(new nn.Linear(3, 2).eval(), x);
    setBackend("js");
    expect(() => made.toProgram({ input: x })).toThrow(/the js back end is in use/);
    setBackend(best);
    made.dispose();
    expect(() => made.toProgram({ input: x })).toThrow(/was disposed/);
  });
});
