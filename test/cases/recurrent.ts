import { nn, type Tensor } from "../../src/node.js";
import { Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";

const { rnn } = nn.utils;

interface Options {
  lengths: number[];
  batchFirst?: boolean;
  enforceSorted?: boolean;
}

/** The element (t, n, f) of a padded batch. */
const place = (x: Nd, t: number, n: number, batchFirst: boolean): number =>
  batchFirst ? x.at(n, t, 0) : x.at(t, n, 0);

export const cases = [
  opCase<Options>({
    name: "packPaddedSequence",
    ops: [],
    run: ([x], { lengths, ...options }) => rnn.packPaddedSequence(x as Tensor, lengths, options).data,
    oracle: ([x], { lengths, batchFirst = false }) => {
      const features = x!.shape[2]!;
      const order = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]!);
      const rows: number[] = [];
      for (let t = 0; t < Math.max(...lengths); t++) {
        for (const n of order) {
          const at = place(x!, t, n, batchFirst);
          if (t < lengths[n]!) rows.push(...x!.data.subarray(at, at + features));
        }
      }
      return new Nd([rows.length / features, features], rows);
    },
    samples: [
      { name: "descending lengths", inputs: [{ shape: [4, 3, 2] }], options: { lengths: [4, 2, 1] } },
      { name: "any order", inputs: [{ shape: [5, 4, 3] }], options: { lengths: [2, 4, 1, 4], enforceSorted: false } },
      { name: "batch first", inputs: [{ shape: [3, 4, 2] }], options: { lengths: [4, 4, 3], batchFirst: true } },
      { name: "tokens", inputs: [{ shape: [3, 2, 1], dtype: "int32" }], options: { lengths: [3, 1] } },
    ],
    errors: [
      {
        name: "ascending lengths",
        inputs: [{ shape: [4, 2, 1] }],
        options: { lengths: [1, 4] },
        message: ["packPaddedSequence", "descending", "[1, 4]"],
      },
      {
        name: "a length of 0",
        inputs: [{ shape: [4, 2, 1] }],
        options: { lengths: [4, 0] },
        message: ["packPaddedSequence", "length 1 is 0"],
      },
      {
        name: "a length beyond the input",
        inputs: [{ shape: [4, 2, 1] }],
        options: { lengths: [5, 1] },
        message: ["packPaddedSequence", "5", "4"],
      },
      {
        name: "too few lengths",
        inputs: [{ shape: [4, 2, 1] }],
        options: { lengths: [4] },
        message: ["packPaddedSequence", "1 lengths", "2"],
      },
    ],
  }),
  opCase<Options & { paddingValue?: number; totalLength?: number }>({
    name: "padPackedSequence",
    ops: [],
    run: ([x], { lengths, batchFirst = false, ...options }) => {
      const packed = rnn.packPaddedSequence(x as Tensor, lengths, { batchFirst, enforceSorted: false });
      return rnn.padPackedSequence(packed, { batchFirst, ...options })[0];
    },
    oracle: ([x], { lengths, batchFirst = false, paddingValue = 0, totalLength }) => {
      const steps = totalLength ?? Math.max(...lengths);
      const [batch, features] = [lengths.length, x!.shape[2]!];
      const out = new Nd(batchFirst ? [batch, steps, features] : [steps, batch, features]);
      out.data.fill(paddingValue);
      lengths.forEach((length, n) => {
        for (let t = 0; t < length; t++) {
          const from = place(x!, t, n, batchFirst);
          out.data.set(x!.data.subarray(from, from + features), place(out, t, n, batchFirst));
        }
      });
      return out;
    },
    samples: [
      { name: "shorter than the input", inputs: [{ shape: [4, 3, 2] }], options: { lengths: [3, 2, 1] } },
      { name: "any order", inputs: [{ shape: [4, 3, 2] }], options: { lengths: [1, 4, 2], paddingValue: -1.5 } },
      {
        name: "longer",
        inputs: [{ shape: [2, 3, 2] }],
        options: { lengths: [3, 1], batchFirst: true, totalLength: 6 },
      },
    ],
    errors: [
      {
        name: "too short a total",
        inputs: [{ shape: [4, 2, 1] }],
        options: { lengths: [4, 1], totalLength: 3 },
        message: ["padPackedSequence", "totalLength is 3"],
      },
    ],
  }),
];
