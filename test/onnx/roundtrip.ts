// The command line: npm run onnx-roundtrip -- [DIR …] [--filter REGEX] [--opset 17|21] [--only rows|layers|models|operators]
import { parseArgs } from "node:util";
import { manualSeed, models, type nn, noGrad, onnx, scope, Tensor, tensor } from "../../src/node.js";
import { compareTensors, type Finding } from "../conformance/compare.js";
import { Report } from "../conformance/report.js";
import { contribModel, feedsOf } from "../support/contrib-case.js";
import { contribCases } from "../support/contrib-cases.js";
import { layerInputs, makeLayer, openLayers, openSizes } from "../support/export-layers.js";
import { exampleOf } from "../support/export-models.js";
import { exportCase, isComparable, isDefined, unwritable } from "../support/export-rows.js";
import { loadRows } from "../support/rows.js";
import { listCases, readTensors } from "./cases.js";
import { loadRuntime, type Plain } from "./runtime.js";

// Rows of ops reach behind the public surface, so this is compiled together with a copy of the sources.

const USAGE = `usage: npm run onnx-roundtrip -- [DIR …] [--filter REGEX] [--opset 17|21] [--only rows|layers|models|operators]

Writes ONNX files and holds what they give, read again by the library and by ONNX Runtime if the benchmarks' peers are installed, to what
the module gave: every sample of an op's row, layers whose sizes stay open, every model of the registry in a small version, and every model.onnx below each DIR.
Operators that are read only, such as those of com.microsoft, are held to their formulas and to ONNX Runtime.`;

interface Subject {
  readonly family: string;
  readonly name: string;
  readonly model: nn.Module;
  /** The examples; those that it is traced with come first. */
  readonly inputs: readonly (readonly Tensor[])[];
  readonly options: onnx.SaveModuleOptions;
  /** Whether ONNX Runtime is to give the same. Default true. */
  readonly defined?: boolean;
  /** What ONNX Runtime may differ by, beyond rounding of the last step. Default 0. */
  readonly slack?: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    filter: { type: "string", default: "" },
    opset: { type: "string" },
    only: { type: "string" },
    help: { type: "boolean" },
  },
});

const filter = new RegExp(values.filter);
const opsets = [17, 21].filter((n) => values.opset === undefined || values.opset === String(n));
const runtime = await loadRuntime();
const report = new Report();

if (values.help) console.log(USAGE);
else {
  console.log(
    runtime === null
      ? "ONNX Runtime is not installed (npm run bench -- --peers installs it); files are only read by the library."
      : "Files are read by the library and by ONNX Runtime.",
  );
  const all = positionals.length === 0;
  if (all && (values.only ?? "rows") === "rows") await tryRows();
  if (all && (values.only ?? "layers") === "layers") await tryLayers();
  if (all && (values.only ?? "models") === "models") await tryModels();
  if (all && (values.only ?? "operators") === "operators") await tryOperators();
  for (const dir of positionals) await tryFolder(dir);
  const columns = opsets.flatMap((opset) => [`${opset} library`, ...(runtime === null ? [] : [`${opset} runtime`])]);
  console.log(`\n${report.table(columns)}\n${report.summary()}`);
  process.exitCode = report.failed > 0 || report.passed === 0 ? 1 : 0;
}

async function tryRows(): Promise<void> {
  for (const row of await loadRows()) {
    if (unwritable(row) !== null) continue;
    for (const sample of row.samples.filter((s) => isComparable(row, s))) {
      const name = `${row.name}/${sample.name}`;
      if (!filter.test(name)) continue;
      const { model, inputs } = exportCase(row, sample);
      await attempt({
        family: "rows",
        name,
        model,
        inputs: [inputs],
        options: { guards: "assume" },
        defined: isDefined(row, sample),
      });
      for (const t of inputs) t.dispose();
    }
  }
}

async function tryModels(): Promise<void> {
  for (const name of models.list().filter((n) => filter.test(n))) {
    manualSeed(3);
    const example = exampleOf(name);
    const model = models.create<nn.Module>(name as string, example.options);
    const [two, three] = [example.inputs(2), example.inputs(3)];
    const inputNames = two.map((_, i) => `x${i}`);
    const dynamic = { N: inputNames.map((input): [string, number] => [input, 0]) };
    model.eval();
    const slack = 10 * sensitivity(model, three);
    await attempt({ family: "models", name, model, inputs: [two, three], options: { dynamic, inputNames }, slack });
    model.dispose();
    for (const t of [...two, ...three]) t.dispose();
  }
}

/**
 * How far the outputs move if the last bit of every input does. Deep networks that nobody has trained make much of it, and every layer of
 * another runtime rounds otherwise.
 */
function sensitivity(model: nn.Module, inputs: readonly Tensor[]): number {
  const moved = inputs.map((x) => (x.dtype === "float32" ? x.mul(1 + 2 ** -23) : x));
  const [a, b] = [inputs, moved].map((xs) => plainOutputs(model, xs)[0]!.data) as [
    ArrayLike<number>,
    ArrayLike<number>,
  ];
  for (const [i, t] of moved.entries()) if (t !== inputs[i]) t.dispose();
  return Math.max(...Array.from(a, (v, i) => Math.abs(v - b[i]!)));
}

async function tryOperators(): Promise<void> {
  for (const entry of contribCases) {
    const name = `${entry.op} of ${entry.of}`;
    if (!filter.test(name)) continue;
    const note = (who: string, findings: readonly Finding[]): void =>
      print(report.add("operators", name, `${opsets[0]} ${who}`, findings));
    try {
      const wanted = entry.want();
      const bytes = contribModel(entry, wanted);
      const model = onnx.load(bytes);
      const want = tensorsIn(wanted.filter((t) => t !== null)).map(plainOf);
      note("library", findingsOf(plainOutputs(model, feedsOf(entry)), want));
      if (runtime !== null) note("runtime", await judged(() => runtime.run(bytes, model, feedsOf(entry)), want));
      model.dispose();
    } catch (error) {
      note("library", [{ what: "file", text: error instanceof Error ? error.message : String(error) }]);
    }
  }
}

async function tryLayers(): Promise<void> {
  for (const layer of openLayers.filter(({ name }) => filter.test(name))) {
    const model = makeLayer(layer);
    const inputs = [
      [2, 4],
      [3, 7],
      [1, 5],
    ].map(([n, l]) => layerInputs(layer, n!, l!));
    await attempt({ family: "layers", name: layer.name, model, inputs, options: openSizes(layer) });
    for (const t of inputs.flat()) t.dispose();
  }
}

async function tryFolder(dir: string): Promise<void> {
  for (const { name, model: file, sets } of listCases(dir)) {
    const [set] = sets;
    if (!filter.test(name) || set === undefined) continue;
    try {
      const model = onnx.loadFile(file);
      // What the package has read is put into tensors of this copy.
      const inputs = readTensors(set, "input").map(({ tensor: t }) =>
        tensor(t.data(), { shape: t.shape, dtype: t.dtype }),
      );
      await attempt({ family: dir, name, model, inputs: [inputs], options: { guards: "assume" } });
      model.dispose();
      for (const t of inputs) t.dispose();
    } catch (error) {
      const findings = [{ what: "file", text: error instanceof Error ? error.message : String(error) }];
      for (const opset of opsets) print(report.add(dir, name, `${opset} library`, findings));
    }
  }
}

function print(line: string | null): void {
  if (line !== null) console.log(line);
}

async function attempt(subject: Subject): Promise<void> {
  for (const opset of opsets) {
    const note = (who: string, findings: readonly Finding[]): void =>
      print(report.add(subject.family, subject.name, `${opset} ${who}`, findings));
    try {
      const { model, inputs, options } = subject;
      const bytes = onnx.save(model, inputs[0]!, { ...options, opset });
      const again = onnx.load(bytes);
      for (const given of inputs) {
        model.eval();
        const want = plainOutputs(model, given);
        note("library", findingsOf(plainOutputs(again, given), want));
        if (runtime === null || subject.defined === false) continue;
        note("runtime", await judged(() => runtime.run(bytes, again, given), want, subject.slack ?? 0));
      }
      again.dispose();
    } catch (error) {
      note("library", [{ what: "file", text: error instanceof Error ? error.message : String(error) }]);
    }
  }
}

async function judged(
  run: () => Promise<readonly Plain[]>,
  want: readonly Plain[],
  slack?: number,
): Promise<readonly Finding[]> {
  try {
    return findingsOf(await run(), want, slack);
  } catch (error) {
    return [{ what: "runtime", text: error instanceof Error ? error.message : String(error) }];
  }
}

function plainOutputs(model: nn.Module, inputs: readonly Tensor[]): Plain[] {
  return scope(() =>
    noGrad(() => {
      const result = model.forward(...inputs);
      return tensorsIn(result).map(plainOf);
    }),
  );
}

function plainOf(t: Tensor): Plain {
  return { shape: t.shape, dtype: t.dtype, data: Float64Array.from(t.data()) };
}

/** The tensors of a result, in the order of the file's outputs. */
function tensorsIn(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  return result !== null && typeof result === "object" ? Object.values(result).flatMap(tensorsIn) : [];
}

function findingsOf(got: readonly Plain[], want: readonly Plain[], slack = 0): Finding[] {
  return want.flatMap((w, i) => {
    const what = `output ${i}`;
    const g = got[i];
    if (g === undefined) return [{ what, text: "is missing" }];
    if (g.dtype !== w.dtype) return [{ what, text: `is ${g.dtype}; expected ${w.dtype}` }];
    const finding = compareTensors(what, g, w, { rtol: 1e-5, atol: 1e-5 + slack });
    return finding === null ? [] : [finding];
  });
}
