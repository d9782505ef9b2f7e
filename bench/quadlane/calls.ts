// Works that are one call.
import { functional as F, nn, noGrad, optim, scope, type Tensor } from "quadlane";
import {
  adamInputs,
  attentionInputs,
  batchNormInputs,
  convInputs,
  gemmInputs,
  maxPoolInputs,
  recurrentInputs,
  rowsInputs,
} from "../inputs.js";
import type { Job } from "../serve.js";
import type {
  AdamWork,
  AttentionWork,
  BatchNormWork,
  ConvWork,
  GemmWork,
  MaxPoolWork,
  RecurrentWork,
  RowsWork,
} from "../works.js";
import { load } from "./modules.js";
import { callJob, dispose, toTensor, values } from "./tensors.js";

export function gemm(work: GemmWork): Job {
  const { a, b } = gemmInputs(work);
  const x = toTensor(a);
  const y = toTensor(b);
  return callJob([x, y], () => x.matmul(y));
}

export function conv(work: ConvWork): Job {
  const inputs = convInputs(work);
  const x = toTensor(inputs.x);
  const weight = toTensor(inputs.weight);
  const padding = (work.kernel - 1) / 2;
  return callJob([x, weight], () => F.conv2d(x, weight, null, { padding, groups: work.groups }));
}

export function recurrent(work: RecurrentWork): Job {
  const inputs = recurrentInputs(work);
  const x = toTensor(inputs.x);
  const layer = recurrentLayer(work);
  load(layer.module, Object.entries(inputs.weights));
  return callJob([x, layer.module], () => noGrad(() => layer.states(x)));
}

function recurrentLayer({ cell, inF, outF }: RecurrentWork): { module: nn.Module; states: (x: Tensor) => Tensor } {
  if (cell === "lstm") {
    const module = new nn.LSTM(inF, outF);
    return { module, states: (x) => module.forward(x)[0] };
  }
  const module = new nn.GRU(inF, outF);
  return { module, states: (x) => module.forward(x)[0] };
}

export function rows(work: RowsWork): Job {
  const inputs = rowsInputs(work);
  const x = toTensor(inputs.x);
  if (work.kind === "softmax") return callJob([x], () => F.softmax(x, { dim: 1 }));
  const weight = toTensor(inputs.weights.weight);
  const bias = toTensor(inputs.weights.bias);
  return callJob([x, weight, bias], () => F.layerNorm(x, weight, bias, { normalizedShape: [work.width] }));
}

export function batchNorm(work: BatchNormWork): Job {
  const inputs = batchNormInputs(work);
  const x = toTensor(inputs.x);
  const layer = new nn.BatchNorm2d(work.channels).train(work.training);
  load(layer, Object.entries(inputs.weights));
  return callJob([x, layer], () => noGrad(() => layer.forward(x)));
}

export function maxPool(work: MaxPoolWork): Job {
  const x = toTensor(maxPoolInputs(work).x);
  return callJob([x], () => F.maxPool2d(x, { kernelSize: 3, stride: 2, padding: 1 }));
}

export function attention(work: AttentionWork): Job {
  const inputs = attentionInputs(work);
  const [q, k, v] = [toTensor(inputs.q), toTensor(inputs.k), toTensor(inputs.v)];
  return callJob([q, k, v], () => F.scaledDotProductAttention(q, k, v));
}

export function adam(work: AdamWork): Job {
  const inputs = adamInputs(work);
  const parameter = new nn.Parameter(toTensor(inputs.parameter));
  const gradient = toTensor(inputs.gradient);
  parameter.grad = gradient;
  const optimizer = new optim.Adam([parameter]);
  const step = (): void => scope(() => void optimizer.step());
  return {
    run: step,
    outputs: () => {
      for (let i = 0; i < 3; i++) step();
      return [values(parameter)];
    },
    dispose: () => dispose([optimizer, parameter, gradient]),
  };
}
