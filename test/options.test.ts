import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ArgumentError, functional as F, linalg, nn, optim, tensor } from "../src/node.js";

// What takes options refuses unknown ones where its own tests are; here is what takes none.

const folder = new URL("../src/functional/", import.meta.url);
/** Helpers of the others, which `functional` does not export. */
const INTERNAL = ["dims.ts", "index.ts", "loss_options.ts", "operand.ts", "total_norm.ts"];

/** The parameter list that begins behind the parenthesis at `start`. */
function parametersAt(text: string, start: number): string {
  let depth = 1;
  let end = start;
  for (; depth > 0; end++) depth += "([{".includes(text[end]!) ? 1 : ")]}".includes(text[end]!) ? -1 : 0;
  return text.slice(start, end - 1);
}

const declared = readdirSync(folder)
  .filter((file) => !INTERNAL.includes(file))
  .flatMap((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    return Array.from(text.matchAll(/^export function (\w+)(?:<[^(]*>)?\(/gm), (m) => ({
      name: m[1]!,
      parameters: parametersAt(text, m.index + m[0].length),
    }));
  });

const taking = (what: RegExp): string[] => declared.filter((d) => what.test(d.parameters)).map((d) => d.name);

describe("functions", () => {
  test("take options, or say that they take none", () => {
    const known = new Set(taking(/\.\.\.|[oO]ptions/));
    expect(declared.map((d) => d.name).filter((name) => !known.has(name))).toEqual([]);
  });

  const none = taking(/\.\.\.none/);
  test.each(none)("%s refuses an object of options", (name) => {
    const fn: unknown = Reflect.get(F, name) ?? Reflect.get(F.kernels, name) ?? Reflect.get(linalg, name);
    if (typeof fn !== "function") throw new Error(`functional has no ${name}`);
    const operands = new Array(fn.length).fill(tensor([[1]]));
    const call = (options: object) => (): unknown => Reflect.apply(fn, undefined, [...operands, options]);
    expect(call({ inplace: true })).toThrow(ArgumentError);
    expect(call({ inplace: true })).toThrow(`${name}: unknown option "inplace"; it takes none`);
  });

  test("ignore what an array's map passes on", () => {
    const made = [tensor([-1]), tensor([2])].map(F.relu);
    expect(made.map((t) => t.tolist())).toEqual([[0], [2]]);
  });
});

describe("modules without options", () => {
  const made: [name: string, args: unknown[]][] = [
    ...["ReLU", "Sigmoid", "Tanh", "ReLU6", "SELU", "LogSigmoid", "SiLU", "Mish", "Hardswish", "Hardsigmoid"],
    ...["Softsign", "Tanhshrink", "Softmax2d", "ModuleList", "ModuleDict"],
  ].map((name) => [name, name.startsWith("Module") ? [[]] : []]);
  made.push(["Threshold", [0.1, 2]], ["Unflatten", [1, [2, 2]]], ["ChannelShuffle", [2]]);
  made.push(["PixelShuffle", [2]], ["PixelUnshuffle", [2]], ["AdditiveAttention", [2, 3, 4]]);
  made.push(["TransitionLayer", [4, 2]], ["InvertedResidual", [4, 4, 1, 6]], ["ShuffleUnit", [4, 4, 1]]);
  for (const n of [1, 2, 3]) {
    made.push([`AdaptiveAvgPool${n}d`, [1]], [`ConstantPad${n}d`, [1, 0.5]]);
    for (const kind of ["Zero", "Reflection", "Replication", "Circular"]) made.push([`${kind}Pad${n}d`, [1]]);
  }

  test.each(made)("%s refuses an object of options", (name, args) => {
    const type: unknown = Reflect.get(nn, name);
    if (typeof type !== "function") throw new Error(`nn has no ${name}`);
    const construct = (...more: unknown[]): nn.Module => Reflect.construct(type, [...args, ...more]);
    construct().dispose();
    expect(() => construct({ inplace: true })).toThrow(ArgumentError);
    expect(() => construct({ inplace: true })).toThrow(`${name}: unknown option "inplace"; it takes none`);
  });

  test("a subclass without a constructor refuses them under its own name", () => {
    class Net extends nn.Module {
      forward(): void {}
    }
    expect(() => Reflect.construct(Net, [{ width: 3 }])).toThrow('Net: unknown option "width"; it takes none');
  });

  test("an inception block refuses unknown channels", () => {
    const channels = { one: 1, three: [1, 1], five: [1, 1], pool: 1, seven: 1 };
    expect(() => Reflect.construct(nn.InceptionBlock, [2, channels])).toThrow('InceptionBlock: unknown option "seven"');
  });

  test("a chain of schedules refuses them", () => {
    const optimizer = new optim.SGD([new nn.Parameter(tensor([1]))], { lr: 1 });
    const parts = [new optim.lrScheduler.StepLR(optimizer, 1)];
    const construct = () => Reflect.construct(optim.lrScheduler.ChainedScheduler, [parts, { gamma: 1 }]);
    expect(construct).toThrow('ChainedScheduler: unknown option "gamma"; it takes none');
  });
});
