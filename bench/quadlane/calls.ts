// Works that are one call.
import { functional as F, nn, noGrad, type Tensor } from "quadlane";
import { convInputs, gemmInputs, recurrentInputs } from "../inputs.js";
import type { Job } from "../serve.js";
import type { ConvWork, GemmWork, RecurrentWork } from "../works.js";
import { load } from "./modules.js";
import { callJob, toTensor } from "./tensors.js";

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
  return callJob([x, ...layer.module.parameters()], () => noGrad(() => layer.states(x)));
}

function recurrentLayer({ cell, inF, outF }: RecurrentWork): { module: nn.Module; states: (x: Tensor) => Tensor } {
  if (cell === "lstm") {
    const module = new nn.LSTM(inF, outF);
    return { module, states: (x) => module.forward(x)[0] };
  }
  const module = new nn.GRU(inF, outF);
  return { module, states: (x) => module.forward(x)[0] };
}
