import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import type { Tensor } from "../tensor.js";
import { apply, defineOp } from "./op.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

export const reluOp = defineOp<Unary, One>({
  name: "relu",
  infer: ([x]) => {
    checkDType("ReLU", "input", x, "float32");
    return [x];
  },
  forward: ([y], [x]) => K.relu_f32(y.ptr, x.ptr, x.numel),
  saves: { inputs: [], outs: [0] },
  backward: ([g], _, [y]) => [() => reluGrad(g, y)],
});

export const reluGradOp = defineOp<readonly [Tensor, Tensor], One>({
  name: "relu_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, y]) => K.relu_grad_f32(dx.ptr, g.ptr, y.ptr, g.numel),
  saves: { inputs: [1] },
  backward: ([gg], [, y]) => [() => reluGrad(gg, y), null],
});

function reluGrad(g: Tensor, y: Tensor): Tensor {
  return apply(reluGradOp, [g, y], undefined)[0];
}

export function relu(x: Tensor): Tensor {
  return apply(reluOp, [x], undefined)[0];
}
