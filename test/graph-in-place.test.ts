import { readdirSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { cutEverything } from "../src/backend/threaded.js";
import { materialize } from "../src/layout.js";
import { type Backend, getBackend, init, manualSeed, noGrad, setBackend, Tensor } from "../src/node.js";
import type { AnyOp } from "../src/ops/op.js";
import { type OpReport, watchOps } from "../src/profile.js";
import { sameShape } from "../src/shape.js";
import { dtypeOf, generatorOf, type LayoutKind, seedOf, tensorOf, valuesOf } from "./support/make.js";
import type { OpCase } from "./support/op-case.js";
import { loadRows } from "./support/rows.js";

const rows = await loadRows();

/** Every position that an op declares, as "add 0". */
async function declared(): Promise<string[]> {
  const folder = new URL("../src/ops/", import.meta.url);
  const modules = await Promise.all(
    readdirSync(folder).map(async (f): Promise<object> => (await import(new URL(f, folder).href)) as object),
  );
  const ops = modules.flatMap((m) => Object.values(m).filter((v): v is AnyOp => v?.kind === "op"));
  return ops.flatMap(({ name, inPlace = [] }) => inPlace.map((position) => `${name} ${position}`)).sort();
}

/** Runs the op again with its first output over each input whose place it may take; the result must have the same bits. */
function compareInPlace({ declaration: op, attrs, inputs, outs }: OpReport, seen: Set<string>, wrong: string[]): void {
  const first = outs[0]!;
  for (const position of op.inPlace ?? []) {
    const x = inputs[position];
    if (!x || x.dtype !== first.dtype || !sameShape(x.shape, first.shape)) continue;
    const y = materialize(x);
    const same = inputs.map((t) => t === x);
    const operands = inputs.map((t, i) => {
      if (t === null) return null;
      if (i === position || (same[i] && op.inPlace!.includes(i))) return y;
      return op.strided ? t.alias() : materialize(t);
    });
    const made = outs.map((t, i) => (i === 0 ? y : Tensor.allocate(t.shape, t.dtype, "test")));
    op.forward!(made, operands, attrs);
    for (const [i, t] of made.entries()) {
      const want = outs[i]!.data();
      if (!t.data().every((v, k) => Object.is(v, want[k])))
        wrong.push(`${op.name} over input ${position}, output ${i}`);
    }
    for (const t of new Set([...made, ...operands])) t?.dispose();
    seen.add(`${op.name} ${position}`);
  }
}

function runRow(row: OpCase<never>, layout: LayoutKind, seen: Set<string>, wrong: string[]): void {
  for (const sample of row.samples) {
    const random = generatorOf(seedOf(`${row.name}/${sample.name}`));
    manualSeed(1);
    const tensors = sample.inputs.map((spec) => spec && tensorOf(valuesOf(spec, random), dtypeOf(spec), layout));
    const note = (report: OpReport): void => compareInPlace(report, seen, wrong);
    noGrad(() => void watchOps({ note }, () => row.run(tensors, sample.options as never)));
    for (const t of tensors) t?.dispose();
  }
}

describe("ops that may write over an input", () => {
  const best = getBackend();
  afterEach(() => setBackend(best));

  test.each<Backend>(["js", "wasm"])("give the same bits there on the %s back end", async (backend) => {
    setBackend(backend);
    const seen = new Set<string>();
    const wrong: string[] = [];
    for (const row of rows) for (const layout of ["contiguous", "offset"] as const) runRow(row, layout, seen, wrong);
    expect(wrong).toEqual([]);
    expect([...seen].sort()).toEqual(await declared());
  });

  test("give them on three threads too", async () => {
    await init({ threads: 3 });
    const restore = cutEverything();
    const wrong: string[] = [];
    try {
      for (const row of rows) runRow(row, "contiguous", new Set(), wrong);
    } finally {
      restore();
      await init({ threads: 1 });
    }
    expect(wrong).toEqual([]);
  });
});
