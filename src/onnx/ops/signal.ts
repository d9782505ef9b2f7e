import { makeTensor } from "../../creation.js";
import { add, affine, mul, neg, sub } from "../../ops/arithmetic.js";
import { conv } from "../../ops/conv.js";
import { permute, reshape, select } from "../../ops/copy.js";
import { matmul } from "../../ops/matmul.js";
import { pad } from "../../ops/pad.js";
import { stack } from "../../ops/rearrange.js";
import { moveaxis } from "../../ops/view.js";
import { adopt, type Tensor } from "../../tensor.js";
import { as, asElem, axisOf, elemAttribute, type Inputs, maybeAt, needed, numbersAt, tensorAt } from "../arguments.js";
import type { Arg, Handler, NodeView, OperatorTable } from "../handler.js";

// Discrete Fourier transforms are products with matrices of cosines and sines: O(n²), which for the frames of audio models is little.

/** cos and sin of 2π·i·k/n for i < n, k < bins, as [n, bins]. */
function waves(n: number, bins: number): [cos: Tensor, sin: Tensor] {
  return [Math.cos, Math.sin].map((f) => {
    const circle = Float32Array.from({ length: n }, (_, i) => f((2 * Math.PI * i) / n));
    const values = new Float32Array(n * bins);
    for (let i = 0; i < n; i++) for (let k = 0; k < bins; k++) values[i * bins + k] = circle[(i * k) % n]!;
    return adopt(makeTensor(values, { shape: [n, bins] }));
  }) as [Tensor, Tensor];
}

/** How many frequencies there are of n samples: half of them say everything about real samples. */
function binsOf(node: NodeView, n: number, onesided: number): number {
  return node.int("onesided", onesided) === 0 ? n : Math.floor(n / 2) + 1;
}

/** The transform of x [.., n, 1 or 2] along an axis, cut or filled up with zeros to dft_length. */
function dft(axisFrom: (node: NodeView, inputs: Inputs) => number): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    const rank = x.tensor.ndim;
    const axis = axisOf(node, axisFrom(node, inputs), rank);
    const parts = x.tensor.size(-1);
    if (axis === rank - 1 || parts > 2) {
      throw node.fail(`input [${x.tensor.shape.join(", ")}], axis ${axis}; expected [.., 1 or 2] and another axis`);
    }
    const inverse = node.int("inverse", 0) !== 0;
    const length = numbersAt(inputs, 1)?.[0];
    if (inverse && parts === 2 && node.int("onesided", 0) !== 0) {
      const n = length ?? 2 * (x.tensor.size(axis) - 1);
      return [as(x, moveaxis(realInverse(sizedTo(x.tensor, axis, Math.floor(n / 2) + 1), n), [rank - 2], [axis]))];
    }
    const n = length ?? x.tensor.size(axis);
    const bins = binsOf(node, n, 0);
    if (bins !== n && (inverse || parts === 2)) {
      throw node.fail("onesided is 1; expected it for real inputs forwards, or complex ones backwards");
    }
    const along = sizedTo(x.tensor, axis, n);
    const [cos, turned] = waves(n, bins);
    const sin = inverse ? turned : neg(turned);
    const real = select(along, -1, 0);
    const own: readonly [Tensor, Tensor] = [matmul(real, cos), matmul(real, sin)];
    const imaginary = parts === 1 ? null : select(along, -1, 1);
    const sums = imaginary === null ? own : [sub(own[0], matmul(imaginary, sin)), add(own[1], matmul(imaginary, cos))];
    const y = moveaxis(stack(sums, rank - 1), [rank - 2], [axis]);
    return [as(x, inverse ? affine(y, 1 / n, 0) : y)];
  };
}

/** x [.., 1 or 2] cut or filled up with zeros along an axis, which becomes the last but one. */
function sizedTo(x: Tensor, axis: number, n: number): Tensor {
  const pads = x.shape.map((size, d): [number, number] => [0, d === axis ? n - size : 0]);
  return moveaxis(pad(x, pads, "constant", 0), [axis], [x.ndim - 2]);
}

/** The n real samples [.., n, 1] of half a spectrum [.., bins, 2]: what its other half mirrors counts twice. */
function realInverse(half: Tensor, n: number): Tensor {
  const bins = half.size(-2);
  const counts = Float32Array.from({ length: bins }, (_, k) => (k === 0 || 2 * k === n ? 1 : 2) / n);
  const weights = adopt(makeTensor(counts, { shape: [bins, 1] }));
  const [cos, sin] = waves(n, bins).map((w) => mul(permute(w, [1, 0]), weights)) as [Tensor, Tensor];
  const samples = sub(matmul(select(half, -1, 0), cos), matmul(select(half, -1, 1), sin));
  return reshape(samples, [...samples.shape, 1]);
}

/** Transforms of overlapping frames of real signals [N, L, 1]: one convolution with cosines and sines under the window. */
function runStft(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const [batch, length] = x.tensor.shape as [number, number];
  const window = maybeAt(inputs, 2);
  const n = numbersAt(inputs, 3)?.[0] ?? window?.numel ?? 0;
  const step = numbersAt(inputs, 1)?.[0] ?? 0;
  if ((x.tensor.ndim === 3 ? x.tensor.size(2) : 1) !== 1) throw node.fail("the signal is complex; expected a real one");
  if (n < 1 || n > length || step < 1 || (window !== null && window.numel !== n)) {
    throw node.fail(`frame_length ${n}, frame_step ${step}, window of ${window?.numel ?? n} for ${length} samples`);
  }
  const bins = binsOf(node, n, 1);
  const [cos, sin] = waves(n, bins);
  const basis = stack([cos, neg(sin)], 0);
  const kernels = reshape(permute(basis, [0, 2, 1]), [2 * bins, 1, n]);
  const weight = window === null ? kernels : mul(kernels, reshape(window, [n]));
  const attrs = { stride: [step], dilation: [1], padding: [[0, 0] as const], groups: 1 };
  const y = conv(reshape(x.tensor, [batch, 1, length]), weight, null, attrs);
  return [as(x, permute(reshape(y, [batch, 2, bins, y.size(2)]), [0, 3, 2, 1]))];
}

/** A window Σ aₖ·cos(2πki/N) of as many elements as the input says; N is that number, less one if it is not periodic. */
function window(...factors: readonly number[]): Handler {
  return (node, inputs) => {
    const size = numbersAt(inputs, 0)?.[0] ?? 0;
    const period = node.int("periodic", 1) !== 0 ? size : size - 1;
    const values = Float32Array.from({ length: size }, (_, i) =>
      factors.reduce((sum, a, k) => sum + a * Math.cos((2 * Math.PI * k * i) / period), 0),
    );
    return [asElem(adopt(makeTensor(values)), elemAttribute(node, "output_datatype", "float32"))];
  };
}

/** Triangles over the frequencies of a transform, even on the mel scale: [dft_length / 2 + 1, num_mel_bins]. */
function runMel(node: NodeView, inputs: Inputs): [Arg] {
  const [mels, length, rate, low, high] = [0, 1, 2, 3, 4].map((i) => tensorAt(node, inputs, i).item()) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const melOf = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
  const step = (melOf(high) - melOf(low)) / (mels + 2);
  const edges = Array.from({ length: mels + 2 }, (_, i) => {
    const hertz = 700 * (10 ** ((melOf(low) + i * step) / 2595) - 1);
    return Math.floor(((length + 1) * hertz) / rate);
  });
  const rows = Math.floor(length / 2) + 1;
  const values = new Float32Array(rows * mels);
  for (let m = 0; m < mels; m++) {
    const [from, top, to] = [edges[m]!, edges[m + 1]!, edges[m + 2]!];
    for (let k = Math.max(0, from); k < Math.min(rows, Math.max(to, top + 1)); k++) {
      const weight = k <= top ? (top === from ? 1 : (k - from) / (top - from)) : (to - k) / (to - top);
      values[k * mels + m] = weight;
    }
  }
  return [
    asElem(adopt(makeTensor(values, { shape: [rows, mels] })), elemAttribute(node, "output_datatype", "float32")),
  ];
}

const WINDOW = ["output_datatype", "periodic"];

/** Signal processing. */
export const signals: OperatorTable = {
  DFT: [
    { since: 17, attributes: ["axis", "inverse", "onesided"], run: dft((node) => node.int("axis", 1)) },
    { since: 20, attributes: ["inverse", "onesided"], run: dft((_, inputs) => numbersAt(inputs, 2)?.[0] ?? -2) },
  ],
  STFT: [{ since: 17, attributes: ["onesided"], run: runStft }],
  HannWindow: [{ since: 17, attributes: WINDOW, run: window(0.5, -0.5) }],
  HammingWindow: [{ since: 17, attributes: WINDOW, run: window(25 / 46, -21 / 46) }],
  BlackmanWindow: [{ since: 17, attributes: WINDOW, run: window(0.42, -0.5, 0.08) }],
  MelWeightMatrix: [{ since: 17, attributes: ["output_datatype"], run: runMel }],
};
