import { describe, expect, test } from "vitest";
import { setBackend, type Tensor, tensor } from "../src/node.js";
import { signals } from "../src/onnx/ops/signal.js";
import { expectClose } from "./support/compare.js";
import { forIndex, Nd } from "./support/nd.js";
import { gradientError, ints, runArgs, runNode, sample } from "./support/onnx.js";

const TOLERANCE = { rtol: 1e-4, atol: 1e-5 };

const ndOf = (t: Tensor): Nd => new Nd(t.shape, t.data());

/** The transform of x [N, n, 1 or 2] along its middle, as sums. */
function transformed(x: Nd, n: number, bins: number, sign: 1 | -1): Nd {
  const y = new Nd([x.shape[0]!, bins, 2]);
  forIndex([x.shape[0]!, bins, Math.min(n, x.shape[1]!)], ([b, k, i]) => {
    const [re, im] = [x.get(b!, i!, 0), x.shape[2] === 2 ? x.get(b!, i!, 1) : 0];
    const [c, s] = [Math.cos((2 * Math.PI * i! * k!) / n), sign * Math.sin((2 * Math.PI * i! * k!) / n)];
    y.data[y.at(b!, k!, 0)]! += re * c - im * s;
    y.data[y.at(b!, k!, 1)]! += re * s + im * c;
  });
  return sign === 1 ? y.map((v) => v / n) : y;
}

describe.each(["js", "wasm"] as const)("ONNX signals on %s", (backend) => {
  test.each([
    ["real", 1, {}, null, 9],
    ["real, one side", 1, { onesided: 1 }, null, 5],
    ["complex", 2, {}, null, 9],
    ["inverse", 2, { inverse: 1 }, null, 9],
    ["filled up", 1, { onesided: 1 }, 12, 7],
    ["cut off", 2, {}, 6, 6],
  ] as const)("are transformed: %s", (_, parts, attributes, length, bins) => {
    setBackend(backend);
    const x = sample("x", 2, 9, parts);
    const inputs = [x, length === null ? null : ints([length]).reshape([])];
    const want = transformed(ndOf(x), length ?? 9, bins, "inverse" in attributes ? 1 : -1);
    expectClose("17", runNode(signals, "DFT", inputs, attributes, { opset: 17 })[0]!, want, TOLERANCE);
    expectClose("20", runNode(signals, "DFT", inputs, attributes, { opset: 20 })[0]!, want, TOLERANCE);
    const moved = [x.transpose(0, 1), ...inputs.slice(1), ints([0]).reshape([])];
    const [first] = runNode(signals, "DFT", moved, attributes, { opset: 20 });
    expectClose("axis 0", first!.transpose(0, 1), want, TOLERANCE);
  });

  test.each([1, 0])("are transformed frame by frame, onesided %i", (onesided) => {
    setBackend(backend);
    const x = sample("x", 2, 30, 1);
    const hann = runNode(signals, "HannWindow", [ints([8]).reshape([])])[0]!;
    const run = (t: Tensor, w: Tensor): Tensor =>
      runNode(signals, "STFT", [t, ints([5]).reshape([]), w], { onesided })[0]!;
    const y = run(x, hann);
    const bins = onesided === 1 ? 5 : 8;
    expect(y.shape).toEqual([2, 5, bins, 2]);
    for (let f = 0; f < 5; f++) {
      const frame = x.narrow(1, 5 * f, 8).mul(hann.reshape([8, 1]));
      expectClose(`frame ${f}`, y.select(1, f), transformed(ndOf(frame), 8, bins, -1), TOLERANCE);
    }
    expect(gradientError(run, [x, hann])).toBeLessThan(1e-3);
  });

  test("lie under windows", () => {
    setBackend(backend);
    const size = ints([4]).reshape([]);
    const rows: readonly (readonly [string, number[]])[] = [
      ["HannWindow", [0, 0.5, 1, 0.5]],
      ["HammingWindow", [2 / 23, 25 / 46, 1, 25 / 46]],
      ["BlackmanWindow", [0, 0.34, 1, 0.34]],
    ];
    for (const [op, want] of rows) {
      expectClose(op, runNode(signals, op, [size])[0]!, new Nd([4], want), TOLERANCE);
      const [odd] = runNode(signals, op, [ints([5]).reshape([])], { periodic: 0 });
      expectClose(op, odd!, new Nd([5], [...want, want[0]!]), TOLERANCE);
    }
    expect(runArgs(signals, "HannWindow", [size], { output_datatype: 11 })[0]!.elem).toBe("float64");
  });

  test("have mel bands", () => {
    setBackend(backend);
    const scalars = [ints([8]), ints([16]), ints([8192]), tensor([0]), tensor([4096])].map((t) => t.reshape([]));
    const [mel] = runNode(signals, "MelWeightMatrix", scalars);
    // At these sizes each band meets one frequency, where its triangle is 1.
    const want = new Nd([9, 8]);
    for (const [band, frequency] of [0, 0, 1, 1, 2, 3, 4, 5].entries()) want.set(1, frequency, band);
    expectClose("mel", mel!, want, TOLERANCE);
    const wide = [ints([2]), ints([16]), ints([8192]), tensor([0]), tensor([4096])].map((t) => t.reshape([]));
    const [two] = runNode(signals, "MelWeightMatrix", wide);
    expect(two!.select(1, 1).tolist()).toEqual([0, 0.5, 1, 0.5, 0, 0, 0, 0, 0]);
  });
});
