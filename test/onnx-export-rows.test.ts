import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { noGrad, onnx, QuadlaneError, scope, type Tensor } from "../src/node.js";
import { rules } from "../src/onnx/export/index.js";
import type { AnyOp } from "../src/ops/op.js";
import { expectClose } from "./support/compare.js";
import { exportCase, isComparable, unwritable } from "./support/export-rows.js";
import { Nd } from "./support/nd.js";
import type { OpCase } from "./support/op-case.js";
import { loadRows } from "./support/rows.js";

const rows = await loadRows();

function roundTrip(row: OpCase<never>, sample: OpCase<never>["samples"][number], opset: number): void {
  scope(() => {
    const { model, inputs } = exportCase(row, sample);
    const again = onnx.load(onnx.save(model, inputs, { opset, guards: "assume" }));
    noGrad(() => {
      const want = model.forward(...inputs);
      const result = again.forward(...inputs);
      const got: readonly Tensor[] = Array.isArray(result) ? result : [result];
      for (const [i, w] of want.entries()) {
        const what = `${row.name}/${sample.name} at ${opset}, output ${i}`;
        expect(got[i]!.dtype, what).toBe(w.dtype);
        expectClose(what, got[i]!, new Nd(w.shape, Float64Array.from(w.data())), { rtol: 1e-5, atol: 1e-5 });
      }
    });
    again.dispose();
  });
}

describe("written to a file and read again, it gives the same:", () => {
  test.each(rows.filter((row) => unwritable(row) === null))("$name", (row) => {
    const samples = row.samples.filter((sample) => isComparable(row, sample));
    for (const sample of samples) roundTrip(row, sample, 17);
    roundTrip(row, samples[0]!, 21);
  });
});

describe("is refused:", () => {
  test.each(rows.filter((row) => unwritable(row) !== null && row.samples[0]!.inputs.length > 0))("$name", (row) => {
    scope(() => {
      const { model, inputs } = exportCase(row, row.samples[0]!);
      expect(() => onnx.save(model, inputs, { guards: "assume" })).toThrow(QuadlaneError);
    });
  });
});

test("every op is written, or known to be none of ONNX's", async () => {
  const folder = new URL("../src/ops/", import.meta.url);
  const modules = await Promise.all(
    readdirSync(folder).map((file): Promise<Record<string, AnyOp | undefined>> => import(new URL(file, folder).href)),
  );
  const ops = new Set(modules.flatMap((m) => Object.values(m)).filter((v) => v?.kind === "op"));
  const missing = [...ops].filter((op) => op !== undefined && !rules.has(op)).map((op) => op!.name);
  const forwards = missing.filter((name) => !name.includes("_grad"));
  expect(forwards.sort()).toEqual(
    [
      ...["bernoulli", "dropout", "normal", "randint", "rrelu", "uniform"],
      ...["cholesky", "ctc", "lstsq", "qr", "solve"],
      // Of gradients.
      ...["max_pool_gather", "maximum_share"],
    ].sort(),
  );
});
