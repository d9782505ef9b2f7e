// Convolutions at places that are computed, with what they give by their formula.
import { type Tensor, tensor } from "../../src/node.js";
import type { DataArray } from "../../src/types.js";
import { type ContribCase, operand } from "./contrib-case.js";
import { sample } from "./onnx.js";

interface Deformed {
  readonly of: string;
  readonly groups: number;
  readonly offsetGroups: number;
  readonly stride: number;
  readonly dilation: number;
  readonly pad: number;
  readonly masked: boolean;
}

/** x at a place between its elements; what lies outside is 0. */
function between(plane: (h: number, w: number) => number, h: number, w: number): number {
  const [h0, w0] = [Math.floor(h), Math.floor(w)];
  const [a, b] = [h - h0, w - w0];
  const rows = [1 - a, a].map((share, i) => share * ((1 - b) * plane(h0 + i, w0) + b * plane(h0 + i, w0 + 1)));
  return rows[0]! + rows[1]!;
}

function deformed({ of, groups, offsetGroups, stride, dilation, pad, masked }: Deformed): ContribCase {
  const [N, C, H, W, O, K] = [2, 4, 5, 6, 6, 3];
  const [oh, ow] = [H, W].map((n) => Math.floor((n + 2 * pad - dilation * (K - 1) - 1) / stride) + 1) as [
    number,
    number,
  ];
  const x = sample("image", N, C, H, W);
  const weight = sample("kernels", O, C / groups, K, K);
  const offset = sample("offset", N, offsetGroups * K * K * 2, oh, ow).mul(2);
  const bias = sample("bias", O);
  const mask = masked ? sample("mask", N, offsetGroups * K * K, oh, ow) : null;
  const want = (): Tensor[] => {
    const [xs, ws, os, bs] = [x, weight, offset, bias].map((t) => t.data()) as [
      DataArray,
      DataArray,
      DataArray,
      DataArray,
    ];
    const ms = mask?.data();
    const out = new Float32Array(N * O * oh * ow);
    for (const [flat] of out.entries()) {
      const [j, i, o, n] = [
        flat % ow,
        Math.floor(flat / ow) % oh,
        Math.floor(flat / (ow * oh)) % O,
        Math.floor(flat / (ow * oh * O)),
      ];
      const first = Math.floor(o / (O / groups)) * (C / groups);
      let sum = bs[o]!;
      for (let c = 0; c < C / groups; c++) {
        const channel = first + c;
        const group = Math.floor(channel / (C / offsetGroups));
        const plane = (h: number, w: number): number =>
          h < 0 || w < 0 || h >= H || w >= W ? 0 : xs[((n * C + channel) * H + h) * W + w]!;
        for (let k = 0; k < K * K; k++) {
          const at = n * offsetGroups * K * K + group * K * K + k;
          const place = i * ow + j;
          const dh = os[2 * at * oh * ow + place]!;
          const dw = os[(2 * at + 1) * oh * ow + place]!;
          const h = i * stride - pad + Math.floor(k / K) * dilation + dh;
          const w = j * stride - pad + (k % K) * dilation + dw;
          const share = ms === undefined ? 1 : ms[at * oh * ow + place]!;
          sum += ws[(o * (C / groups) + c) * K * K + k]! * share * between(plane, h, w);
        }
      }
      out[flat] = sum;
    }
    return [tensor(out, { shape: [N, O, oh, ow] })];
  };
  return {
    op: "DeformConv",
    of,
    domain: "",
    opset: 19,
    inputs: [operand(x), operand(weight), operand(offset), operand(bias), ...(mask === null ? [] : [operand(mask)])],
    attributes: {
      group: groups,
      offset_group: offsetGroups,
      strides: [stride, stride],
      dilations: [dilation, dilation],
      pads: [pad, pad, pad, pad],
      kernel_shape: [K, K],
    },
    want,
  };
}

export const deformCases: readonly ContribCase[] = [
  { of: "places of its own", groups: 1, offsetGroups: 1, stride: 1, dilation: 1, pad: 0, masked: false },
  { of: "shares of them", groups: 1, offsetGroups: 1, stride: 2, dilation: 1, pad: 1, masked: true },
  { of: "groups of both kinds", groups: 2, offsetGroups: 2, stride: 1, dilation: 2, pad: 2, masked: true },
].map(deformed);
