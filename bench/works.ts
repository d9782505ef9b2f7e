// What is measured: one entry a work. An entry is plain data, so that it can be sent to the process of any implementation; what it
// means is written once in every implementation, by `kind`.
import { lenet, type Model, mlp, mobilenetv2, resnet18, squeezenet, transformerEncoder } from "./models.js";
import { modelFlops } from "./shapes.js";

export interface GemmWork {
  readonly kind: "gemm";
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** One image, square, stride 1, as many zeros around it as keep its size. */
export interface ConvWork {
  readonly kind: "conv";
  readonly size: number;
  readonly inC: number;
  readonly outC: number;
  readonly kernel: number;
  readonly groups: number;
}

/** A recurrent layer on a sequence of `length` steps, zeros to begin with. The output is the sequence of its states. */
export interface RecurrentWork {
  readonly kind: "recurrent";
  readonly cell: "lstm" | "gru";
  readonly length: number;
  readonly batch: number;
  readonly inF: number;
  readonly outF: number;
}

/** A training step: forward, cross-entropy, backward, plain gradient descent with rate `lr`. The outputs are the first three losses. */
export interface TrainWork {
  readonly kind: "train";
  readonly model: Model;
  readonly batch: number;
  readonly lr: number;
}

export interface InferWork {
  readonly kind: "infer";
  readonly model: Model;
  readonly batch: number;
}

/** A call of an op on a bench size of its row in test/cases, forward or with its gradients too; see ops.ts. */
export interface OpWork {
  readonly kind: "op";
  /** Name of the row. */
  readonly row: string;
  /** Name of the bench size. */
  readonly size: string;
  readonly backward: boolean;
}

/** Multiply-adds on registers alone. */
export interface CeilingWork {
  readonly kind: "ceiling";
}

export type Work = {
  readonly name: string;
  /** Floating-point operations of one run; a multiply-add counts two. The ceiling finds out itself, a cold start has no rate. */
  readonly flops?: number;
  /** Bytes that one run must read and write at least: for works that are bound by memory; 0 for a view. */
  readonly bytes?: number;
  /** Two implementations agree if |a − b| ≤ tolerance · (largest |a|). */
  readonly tolerance: number;
  /** Measure the time from the start of a new process to the first result, instead of runs in a warm one. */
  readonly fresh?: true;
} & (GemmWork | ConvWork | RecurrentWork | TrainWork | InferWork | OpWork | CeilingWork);

export const works: readonly Work[] = [
  { name: "ceiling", kind: "ceiling", tolerance: 0 },
  gemm("gemm/64", 64, 64, 64),
  gemm("gemm/128", 128, 128, 128),
  gemm("gemm/256", 256, 256, 256),
  gemm("gemm/512", 512, 512, 512),
  gemm("gemm/1024", 1024, 1024, 1024),
  gemm("gemm/1x1024x1024", 1, 1024, 1024),
  gemm("gemm/32x784x256", 32, 784, 256),
  conv("conv/56x64x64k3", 56, 64, 64, 3),
  conv("conv/28x128x128k3", 28, 128, 128, 3),
  conv("conv/56x64x256k1", 56, 64, 256, 1),
  conv("conv/112x32x32k3", 112, 32, 32, 3),
  conv("dwconv/112x32k3", 112, 32, 32, 3, 32),
  recurrent("lstm/T64B1", "lstm", 64, 1),
  recurrent("lstm/T64B16", "lstm", 64, 16),
  recurrent("gru/T64B1", "gru", 64, 1),
  train("train/lenet-b64", lenet, 64, 0.05),
  train("train/mlp-b128", mlp, 128, 0.05),
  infer("infer/lenet-b1", lenet, 1),
  infer("infer/resnet18-224", resnet18, 1),
  infer("infer/mobilenetv2-224", mobilenetv2, 1),
  infer("infer/squeezenet-224", squeezenet, 1),
  infer("infer/tfenc-4x256-L128", transformerEncoder, 1),
  coldstart("coldstart", lenet),
];

/** [m, k] · [k, n] */
function gemm(name: string, m: number, k: number, n: number): Work {
  return { name, kind: "gemm", m, k, n, flops: 2 * m * k * n, tolerance: 1e-5 };
}

function conv(name: string, size: number, inC: number, outC: number, kernel: number, groups = 1): Work {
  const flops = (2 * size * size * outC * inC * kernel * kernel) / groups;
  return { name, kind: "conv", size, inC, outC, kernel, groups, flops, tolerance: 1e-5 };
}

/** 128 → 256 features. */
function recurrent(name: string, cell: "lstm" | "gru", length: number, batch: number): Work {
  const [inF, outF, gates] = [128, 256, cell === "lstm" ? 4 : 3];
  const flops = 2 * length * batch * gates * outF * (inF + outF);
  return { name, kind: "recurrent", cell, length, batch, inF, outF, flops, tolerance: 1e-5 };
}

function train(name: string, model: Model, batch: number, lr: number): Work {
  const perLayer = modelFlops(model);
  // Backward costs twice the forward pass, but nobody needs the gradient of images.
  const unneeded = model.tokens === undefined ? perLayer[0]! : 0;
  const flops = batch * (3 * sum(perLayer) - unneeded);
  return { name, kind: "train", model, batch, lr, flops, tolerance: 1e-3 };
}

function infer(name: string, model: Model, batch: number): Work {
  return { name, kind: "infer", model, batch, flops: batch * sum(modelFlops(model)), tolerance: 1e-4 };
}

/** From the start of a process to the first result of a model. */
function coldstart(name: string, model: Model): Work {
  return { name, kind: "infer", model, batch: 1, fresh: true, tolerance: 1e-5 };
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
