import { makeTensor } from "../../../creation.js";
import * as F from "../../../functional/index.js";
import { add, affine } from "../../../ops/arithmetic.js";
import { permute, transpose } from "../../../ops/copy.js";
import { matmul } from "../../../ops/matmul.js";
import { adopt, type Tensor } from "../../../tensor.js";
import { as, float32, type Inputs, maybeAt, needed, tensorAt } from "../../arguments.js";
import type { Arg, Handler, NodeView, OperatorTable, Preparation } from "../../handler.js";
import { WINDOW_ATTRIBUTES } from "../../window.js";
import { convolved } from "../conv.js";
import { GEMM, runGemm } from "../product.js";
import { activated } from "./activation.js";

/** One operand of a product: its last two dimensions, or its batch's, change places. */
function turned(node: NodeView, x: Tensor, which: "A" | "B"): Tensor {
  // A batch that is "transposed" has its rows in front of it.
  const batched = node.int(`transBatch${which}`, 0) !== 0;
  const order = x.shape.map((_, d) => d);
  const moved = batched ? permute(x, [...order.slice(1, -1), 0, order.length - 1]) : x;
  return node.int(`trans${which}`, 0) === 0 || x.ndim < 2 ? moved : transpose(moved, -2, -1);
}

function runFusedMatMul(node: NodeView, inputs: Inputs): [Arg] {
  const a = needed(node, inputs, 0);
  const y = matmul(turned(node, a.tensor, "A"), turned(node, tensorAt(node, inputs, 1), "B"));
  return [as(a, affine(y, node.float("alpha", 1), 0))];
}

const runFusedGemm: Handler = (node, inputs) => {
  const [y] = runGemm(node, inputs);
  const numbers = ["alpha", "beta"].map((word) => {
    const name = `activation_${word}`;
    return node.has(name) ? node.float(name) : undefined;
  });
  return [as(y, activated(node, y.tensor, numbers))];
};

/** act(conv(x) + z). */
function runFusedConv(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const y = convolved(node, x.tensor, tensorAt(node, inputs, 1), maybeAt(inputs, 2));
  const z = maybeAt(inputs, 3);
  return [as(x, activated(node, z === null ? y : add(y, z), node.floats("activation_params", [])))];
}

/** The matrix [N, K] that packed integers of 2, 4 or 8 bits stand for: (integer − zero point) · scale, both one for each block of a row. */
function dequantised(node: NodeView, inputs: Inputs): Tensor {
  const [rows, columns, bits, block] = ["N", "K", "bits", "block_size"].map((name) => node.int(name)) as [
    number,
    number,
    number,
    number,
  ];
  if (![2, 4, 8].includes(bits)) throw node.fail(`bits is ${bits}; expected 2, 4 or 8`);
  if (Math.min(rows, columns, block) < 1) {
    throw node.fail(`N, K and block_size are ${rows}, ${columns} and ${block}; expected at least 1`);
  }
  const blocks = Math.ceil(columns / block);
  const [packed, scales] = [1, 2].map((i) => tensorAt(node, inputs, i).data()) as [Int32Array, Float32Array];
  const zeros = maybeAt(inputs, 3);
  const rowBytes = Math.ceil((blocks * bits) / 8);
  const bytes = blocks * ((block * bits) / 8);
  const floats = zeros?.dtype === "float32";
  const wanted = [rows * bytes, rows * blocks, rows * (floats ? blocks : rowBytes)];
  const got = [packed.length, scales.length, zeros?.numel ?? wanted[2]];
  if (got.some((n, i) => n !== wanted[i])) {
    throw node.fail(`weights, scales and zero points have ${got.join(", ")} elements; expected ${wanted.join(", ")}`);
  }
  const mask = 2 ** bits - 1;
  const at = (values: ArrayLike<number>, start: number, i: number): number =>
    (values[start + ((i * bits) >> 3)]! >> ((i * bits) & 7)) & mask;
  const offsets = zeros?.data();
  const out = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++) {
      const place = row * blocks + b;
      const zero = offsets === undefined ? 2 ** (bits - 1) : floats ? offsets[place]! : at(offsets, row * rowBytes, b);
      const end = Math.min(columns, (b + 1) * block);
      for (let k = b * block; k < end; k++) {
        out[row * columns + k] = (at(packed, row * bytes, k) - zero) * scales[place]!;
      }
    }
  }
  return makeTensor(out, { shape: [rows, columns] });
}

/** Weights that are the model's own are made once, and are trained as floats. */
const WEIGHT: Preparation = {
  places: [1, 2, 3],
  make: (node, inputs) => ({ weight: float32(dequantised(node, inputs)) }),
};

function runMatMulNBits(node: NodeView, inputs: Inputs): [Arg] {
  const a = needed(node, inputs, 0);
  if (maybeAt(inputs, 4) !== null) throw node.fail("g_idx, an order of the columns, is given; expected none");
  const weight = node.tensor("weight")?.tensor ?? adopt(dequantised(node, inputs));
  return [as(a, F.linear(a.tensor, weight, maybeAt(inputs, 5)))];
}

const FUSED_GEMM = ["activation", "activation_alpha", "activation_beta"];

/** Products of matrices and convolutions. */
export const fusedProducts: OperatorTable = {
  FusedMatMul: [
    { since: 1, attributes: ["alpha", "transA", "transB", "transBatchA", "transBatchB"], run: runFusedMatMul },
  ],
  FusedGemm: [{ since: 1, attributes: [...GEMM, ...FUSED_GEMM], run: runFusedGemm }],
  FusedConv: [
    { since: 1, attributes: [...WINDOW_ATTRIBUTES, "group", "activation", "activation_params"], run: runFusedConv },
  ],
  MatMulNBits: [
    {
      since: 1,
      attributes: ["K", "N", "bits", "block_size", "accuracy_level"],
      run: runMatMulNBits,
      prepare: WEIGHT,
    },
  ],
};
