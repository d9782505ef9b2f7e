#!/usr/bin/env node
// The command line. Every command prints to standard output; errors go to standard error, with status 1, and 2 for a wrong command line.
import { createRequire } from "node:module";
import { Command, InvalidArgumentError, Option } from "commander";
import { QuadlaneError } from "../node.js";
import { type CompileOptions, compileFile } from "./compile.js";
import { type FloatType, READABLE, readWeights, WRITABLE, writeWeights } from "./files.js";
import { check, type InfoOptions, info } from "./info.js";
import { type BenchOptions, bench, type RunOptions, run } from "./run.js";

const { version } = createRequire(import.meta.url)("quadlane/package.json") as { version: string };

const program = new Command("quadlane")
  .description("Looks into, runs, measures and converts neural networks and their weights.")
  .version(version)
  .showHelpAfterError("(quadlane --help tells more)")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program
  .command("info")
  .description(`tell what a model or a file of weights holds (${READABLE.join(", ")})`)
  .argument("<file>")
  .option("--json", "as JSON")
  .option("--stats", "mean, deviation and range of every tensor")
  .option("--key <path>", "where the state dict lies in a PyTorch checkpoint, as model or state_dict")
  .action((file: string, options: InfoOptions) => console.log(info(file, options)));

program
  .command("check")
  .description("tell whether all operators of an ONNX model are supported; status 1 if not")
  .argument("<model>")
  .action((model: string) => {
    const { ok, text } = check(model);
    console.log(text);
    if (!ok) process.exitCode = 1;
  });

const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value];

function feeding(command: Command): Command {
  return command
    .argument("<model>", "an .onnx file")
    .option("--input <name=file>", "values of an input, a .npy file; can be given for each input", collect)
    .option("--shape <name=sizes>", "random values of that shape, as x=1x3x224x224", collect)
    .option("--seed <n>", "seed of the random values", integer(0), 1);
}

function running(command: Command): Command {
  return feeding(command)
    .option("--threads <n>", "threads", integer(1), 1)
    .addOption(new Option("--backend <name>", "kernels").choices(["wasm", "js"]).default("wasm"));
}

running(program.command("run"))
  .description("run a model once and tell its outputs")
  .option("--output <file>", "write the outputs to a .npz or .safetensors file")
  .action(async (model: string, options: RunOptions) => console.log(await run(model, options)));

running(program.command("bench"))
  .description("run a model for some time and tell how fast it is")
  .option("--time <ms>", "how long", integer(1), 2000)
  .option("--profile", "the time of every op")
  .action(async (model: string, options: BenchOptions) => console.log(await bench(model, options)));

feeding(program.command("compile"))
  .description("write a model as a program for quadlane/program, which starts in milliseconds; shapes are fixed")
  .argument("<to>", "the program, a .qlp file")
  .addOption(
    new Option("--binary <name>", "the kernels that it is for; every engine runs simd")
      .choices(["simd", "relaxed"])
      .default("simd"),
  )
  .action(async (from: string, to: string, options: CompileOptions) =>
    console.log(await compileFile(from, to, options)),
  );

program
  .command("convert")
  .description(`write the tensors of a file (${READABLE.join(", ")}) to another (${WRITABLE.join(", ")})`)
  .argument("<from>")
  .argument("<to>")
  .option("--key <path>", "where the state dict lies in a PyTorch checkpoint, as model or state_dict")
  .addOption(
    new Option("--floats <type>", "how float32 is written to safetensors")
      .choices(["F32", "F16", "BF16"])
      .default("F32"),
  )
  .action((from: string, to: string, options: { key?: string; floats: FloatType }) => {
    const weights = readWeights(from, options.key);
    writeWeights(to, weights, options.floats);
    console.log(`${weights.tensors.size} tensors written to ${to}`);
  });

function integer(min: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(n) && n >= min) return n;
    throw new InvalidArgumentError(`expected an integer from ${min} on`);
  };
}

try {
  await program.parseAsync();
} catch (error) {
  const system = error instanceof Error && "code" in error;
  if (!(error instanceof QuadlaneError || system)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
