// Works from the rows of test/cases: each of a row's bench sizes forward, and with its gradients too. Rows reach behind the public
// surface, so they and what runs them are compiled together with a copy of the sources, which this process uses instead of the package.
import { grad, scope, setBackend, type Tensor } from "../src/node.js";
import { dtypeOf, generatorOf, seedOf, tensorOf, valuesOf, wantsGrad } from "../test/support/make.js";
import type { BenchSize, OpCase } from "../test/support/op-case.js";
import { loadRows } from "../test/support/rows.js";
import type { Job } from "./serve.js";
import type { OpWork, Work } from "./works.js";

/** A backward pass is counted as two forward passes, as is usual. */
const WITH_BACKWARD = 3;

const rows = await loadRows();

/** All works of all rows. */
export const opWorks: readonly Work[] = rows.flatMap((row) =>
  (row.bench ?? []).flatMap((size) =>
    (isDifferentiable(row, size) ? [false, true] : [false]).map((backward) => workOf(row, size, backward)),
  ),
);

function workOf(row: OpCase<never>, { name, flops, bytes }: BenchSize<never>, backward: boolean): Work {
  const times = backward ? WITH_BACKWARD : 1;
  return {
    name: `op/${row.name}/${name}${backward ? " + backward" : ""}`,
    kind: "op",
    row: row.name,
    size: name,
    backward,
    tolerance: Math.max(row.rtol ?? 1e-5, backward ? (row.gradRtol ?? 1e-3) : 0),
    ...(flops === undefined ? {} : { flops: flops * times }),
    ...(bytes === undefined ? {} : { bytes: bytes * times }),
  };
}

/** Whether gradients of this row are tested, so that there are some. */
function isDifferentiable(row: OpCase<never>, size: BenchSize<never>): boolean {
  return size.inputs.some(wantsGrad) && row.samples.some((s) => !s.forwardOnly && s.inputs.some(wantsGrad));
}

/** Prepares one call on a back end. */
export function opJob({ row: rowName, size: sizeName, backward }: OpWork, backend: "js" | "wasm"): Job {
  setBackend(backend);
  const row = rows.find((r) => r.name === rowName)!;
  const size = row.bench!.find((b) => b.name === sizeName)!;
  const random = generatorOf(seedOf(`${rowName}/${sizeName}`));
  const inputs = size.inputs.map((spec) => {
    if (spec === null) return null;
    const t = tensorOf(valuesOf(spec, random), dtypeOf(spec));
    return backward && wantsGrad(spec) ? t.requiresGrad_() : t;
  });
  const operands = inputs.filter((t) => t !== null);
  const leaves = operands.filter((t) => t.requiresGrad);
  const forward = (): readonly Tensor[] => [row.run(inputs, size.options as never)].flat();
  const upstream = scope(() => (backward ? differentiable(forward()).map((out) => out.shape) : [])).map((shape) =>
    tensorOf(valuesOf({ shape }, random), "float32"),
  );
  const call = (): readonly Tensor[] => {
    const outs = forward();
    if (!backward) return outs;
    const gradients = grad(differentiable(outs), leaves, { gradOutputs: upstream, allowUnused: true });
    return [...outs, ...gradients.filter((g) => g !== null)];
  };
  return {
    run: () => scope(() => void call()),
    outputs: () => scope(() => call().map((t) => Float32Array.from(t.data()))),
    dispose: () => {
      for (const t of [...operands, ...upstream]) t.dispose();
    },
  };
}

function differentiable(outs: readonly Tensor[]): readonly Tensor[] {
  return outs.filter((out) => out.requiresGrad);
}
