// What is measured: one entry a work. An entry is plain data, so that it can be sent to the process of any implementation; what it
// means is written once in every implementation, by `kind`.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as models from "./models.js";
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

/** Softmax, or normalisation with scale and shift, of each row. */
export interface RowsWork {
  readonly kind: "softmax" | "layernorm";
  readonly rows: number;
  readonly width: number;
}

/** Batch normalisation of square images, with running statistics or (`training`) with the batch's own. */
export interface BatchNormWork {
  readonly kind: "batchnorm";
  readonly batch: number;
  readonly channels: number;
  readonly size: number;
  readonly training: boolean;
}

/** Windows of 3×3 with stride 2 and padding 1 on one square image. */
export interface MaxPoolWork {
  readonly kind: "maxpool";
  readonly channels: number;
  readonly size: number;
}

/** Scaled dot-product attention of [1, heads, length, depth], no mask. */
export interface AttentionWork {
  readonly kind: "attention";
  readonly heads: number;
  readonly length: number;
  readonly depth: number;
}

/** A step of Adam with its default options on one parameter of `count` values. The output is the parameter after three steps. */
export interface AdamWork {
  readonly kind: "adam";
  readonly count: number;
}

/** A training step: forward, cross-entropy, backward, plain gradient descent with rate `lr`. */
export interface TrainWork {
  readonly kind: "train";
  readonly model: models.Model;
  readonly batch: number;
  readonly lr: number;
  /** The outputs are so many losses from the first on. */
  readonly losses: number;
}

export interface InferWork {
  readonly kind: "infer";
  readonly model: models.Model;
  readonly batch: number;
  /** Op by op, where an implementation would compile the model otherwise. */
  readonly eager?: true;
}

/** A model from an ONNX file. */
export interface FileWork {
  readonly kind: "file";
  readonly path: string;
  /** Shapes of the inputs by name; a number is an int64 scalar. */
  readonly inputs: Readonly<Record<string, readonly number[] | number>>;
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

/** What everybody understands by its `kind`. */
export type Task =
  | GemmWork
  | ConvWork
  | RecurrentWork
  | RowsWork
  | BatchNormWork
  | MaxPoolWork
  | AttentionWork
  | AdamWork
  | TrainWork
  | InferWork
  | FileWork
  | OpWork
  | CeilingWork;

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
  /** The work compares quadlane-wasm with this variant of it, and with nobody else. */
  readonly against?: Variant;
} & Task;

/** Other ways to run this library; see implementations.ts. */
export type Variant = "quadlane-kernels" | "quadlane-eager" | "quadlane-wasm-2t" | "quadlane-wide" | "quadlane-session";

const GTCRN_INPUTS = {
  mix: [1, 257, 1, 2],
  conv_cache: [2, 1, 16, 16, 33],
  tra_cache: [2, 3, 1, 1, 16],
  inter_cache: [2, 1, 33, 16],
};

/** ONNX files, some folders above the compiled file. */
const SHARED = new URL("../../../../shared/onnx/", import.meta.url);

/** Bytes of a value. */
const FLOAT = 4;

export const CEILING: Work = { name: "ceiling", kind: "ceiling", tolerance: 0 };

const trainResnet = train("train/resnet18-cifar-b8", models.resnet18Cifar, 8, 0.01, 2);
const inferences = [
  infer("infer/lenet-b1", models.lenet),
  infer("infer/resnet18-224", models.resnet18),
  infer("infer/mobilenetv2-224", models.mobilenetv2),
  infer("infer/squeezenet-224", models.squeezenet),
  infer("infer/tfenc-4x256-L128", models.transformerEncoder),
] as const;
const inferResnet = inferences[1];
const start = coldstart("coldstart", models.lenet);

export const works: readonly Work[] = [
  CEILING,
  gemm(64, 64, 64),
  gemm(128, 128, 128),
  gemm(256, 256, 256),
  gemm(512, 512, 512),
  gemm(1024, 1024, 1024),
  // Products of real networks: a vector and a batch before a wide layer, a transformer's feed-forward layers and projections, the
  // hidden state of a recurrent layer, the head over characters, convolutions as matrices.
  gemm(1, 1024, 1024),
  gemm(1, 512, 1000),
  gemm(32, 784, 256),
  gemm(128, 256, 1024),
  gemm(128, 1024, 256),
  gemm(1024, 128, 384),
  gemm(16, 256, 1024),
  gemm(2048, 256, 65),
  gemm(64, 147, 12544),
  gemm(1280, 320, 49),
  conv("conv/56x64x64k3", 56, 64, 64, 3),
  conv("conv/28x128x128k3", 28, 128, 128, 3),
  conv("conv/56x64x256k1", 56, 64, 256, 1),
  conv("conv/112x32x32k3", 112, 32, 32, 3),
  conv("dwconv/112x32k3", 112, 32, 32, 3, 32),
  recurrent("lstm/T64B1", "lstm", 64, 1),
  recurrent("lstm/T64B16", "lstm", 64, 16),
  recurrent("gru/T64B1", "gru", 64, 1),
  rows("softmax", 1024, 1000),
  rows("layernorm", 1024, 768),
  batchNorm("batchnorm/8x64x56", 8, 64, 56, false),
  batchNorm("batchnorm/8x64x56-training", 8, 64, 56, true),
  maxPool("maxpool/64x112k3s2", 64, 112),
  attention("attention/L128H4D64", 4, 128, 64),
  adam("adam/1M", 1 << 20),
  train("train/lenet-b64", models.lenet, 64, 0.05),
  train("train/mlp-b128", models.mlp, 128, 0.05),
  train("train/charlstm", models.charLstm, 32, 5),
  train("train/transformer", models.charTransformer, 16, 0.05),
  trainResnet,
  ...inferences,
  ...files(),
  start,
  versus("facade/matmul64", "quadlane-kernels", gemm(64, 64, 64)),
  versus("facade/lenet-b1", "quadlane-kernels", infer("", models.lenet, { eager: true })),
  ...inferences.map((work) => versus(`eager/${work.name}`, "quadlane-eager", work)),
  versus("coldstart/session", "quadlane-session", start),
  versus("threads/gemm/512", "quadlane-wasm-2t", gemm(512, 512, 512)),
  versus("threads/conv/56x64x64k3", "quadlane-wasm-2t", conv("", 56, 64, 64, 3)),
  versus("threads/infer/resnet18-224", "quadlane-wasm-2t", inferResnet),
  versus("threads/train/resnet18-cifar-b8", "quadlane-wasm-2t", trainResnet),
  versus("wide/gemm/512", "quadlane-wide", gemm(512, 512, 512)),
  versus("wide/infer/resnet18-224", "quadlane-wide", inferResnet),
];

/** A work between quadlane-wasm and a variant of it. */
function versus(name: string, against: Variant, work: Work): Work {
  return { ...work, name, against };
}

/** [m, k] · [k, n] */
function gemm(m: number, k: number, n: number): Work {
  const name = `gemm/${m === k && k === n ? m : `${m}x${k}x${n}`}`;
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

function rows(kind: RowsWork["kind"], count: number, width: number): Work {
  const bytes = 2 * FLOAT * count * width;
  return { name: `${kind}/${count}x${width}`, kind, rows: count, width, bytes, tolerance: 1e-5 };
}

function batchNorm(name: string, batch: number, channels: number, size: number, training: boolean): Work {
  // Statistics must be known before the first result: everything is read twice.
  const bytes = (training ? 3 : 2) * FLOAT * batch * channels * size * size;
  return { name, kind: "batchnorm", batch, channels, size, training, bytes, tolerance: 1e-5 };
}

function maxPool(name: string, channels: number, size: number): Work {
  const bytes = FLOAT * channels * (size ** 2 + Math.ceil(size / 2) ** 2);
  return { name, kind: "maxpool", channels, size, bytes, tolerance: 0 };
}

function attention(name: string, heads: number, length: number, depth: number): Work {
  return { name, kind: "attention", heads, length, depth, flops: 4 * heads * length * length * depth, tolerance: 1e-5 };
}

function adam(name: string, count: number): Work {
  // Parameter and two moments are read and written, the gradient is read.
  return { name, kind: "adam", count, bytes: 7 * FLOAT * count, tolerance: 1e-5 };
}

function train(name: string, model: models.Model, batch: number, lr: number, losses = 3): Work {
  const perLayer = modelFlops(model);
  // Backward costs twice the forward pass, but nobody needs the gradient of images.
  const unneeded = model.tokens === undefined ? perLayer[0]! : 0;
  const flops = batch * (3 * sum(perLayer) - unneeded);
  return { name, kind: "train", model, batch, lr, losses, flops, tolerance: 1e-4 };
}

/** One example. */
function infer(name: string, model: models.Model, more: Pick<InferWork, "eager"> = {}): Work {
  return { name, kind: "infer", model, batch: 1, ...more, flops: sum(modelFlops(model)), tolerance: 1e-4 };
}

/** Models that lie beside the repository, where they do. */
function files(): Work[] {
  const image = [1, 3, 224, 224];
  const found: [name: string, folder: string, inputs: FileWork["inputs"]][] = [
    ["resnet50", "light/light_resnet50", { "gpu_0/data_0": image }],
    ["densenet121", "light/light_densenet121", { data_0: image }],
    ["squeezenet", "light/light_squeezenet", { data_0: image }],
    ["silero", "models/silero_vad_v6_16k_op15", { input: [1, 576], state: [2, 1, 128], sr: 16_000 }],
    ["gtcrn", "models/gtcrn_stream_simple", GTCRN_INPUTS],
    ["ultraface", "models/ultraface_slim_320_nopost", { input: [1, 3, 240, 320] }],
  ];
  return found
    .map(([name, folder, inputs]) => ({ name, inputs, path: fileURLToPath(new URL(`${folder}/model.onnx`, SHARED)) }))
    .filter(({ path }) => existsSync(path))
    .map(({ name, ...rest }) => ({ name: `onnx/${name}`, kind: "file", ...rest, tolerance: 1e-3 }));
}

/** From the start of a process to the first result of a model. */
function coldstart(name: string, model: models.Model): Work {
  return { name, kind: "infer", model, batch: 1, fresh: true, tolerance: 1e-5 };
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
