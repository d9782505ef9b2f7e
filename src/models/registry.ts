import { ArgumentError } from "../errors.js";
import type { Layer } from "../nn/blocks.js";
import type { Module } from "../nn/module.js";
import { alexnets } from "./alexnet.js";
import { autoencoders } from "./autoencoder.js";
import { charRNNs } from "./char_rnn.js";
import { dcgans } from "./dcgan.js";
import { decoderLMs } from "./decoder_lm.js";
import { deepRnns } from "./deep_rnn.js";
import { densenets } from "./densenet.js";
import { efficientnets } from "./efficientnet.js";
import { fcns } from "./fcn.js";
import { gans } from "./gan.js";
import { googlenets } from "./googlenet.js";
import { inceptions } from "./inception.js";
import { LeNet5, type LeNet5Options } from "./lenet.js";
import { linears } from "./linear.js";
import { mnasnets } from "./mnasnet.js";
import { mobilenets } from "./mobilenet.js";
import { nins } from "./nin.js";
import type { ImageModelOptions } from "./options.js";
import { regnets } from "./regnet.js";
import { resnets } from "./resnet.js";
import { senets } from "./senet.js";
import { seq2seqs } from "./seq2seq.js";
import { shufflenets } from "./shufflenet.js";
import { squeezenets } from "./squeezenet.js";
import { taggers } from "./tagger.js";
import { transformers } from "./transformer_seq2seq.js";
import { unets } from "./unet.js";
import { vaes } from "./vae.js";
import { vggs } from "./vgg.js";
import { vits } from "./vit.js";
import { xceptions } from "./xception.js";

const BUILDERS = {
  ...alexnets,
  ...autoencoders,
  ...dcgans,
  ...gans,
  ...vaes,
  ...fcns,
  ...linears,
  ...unets,
  lenet5: (options: LeNet5Options = {}): LeNet5 => new LeNet5(options),
  ...deepRnns,
  ...charRNNs,
  ...decoderLMs,
  ...densenets,
  ...efficientnets,
  ...googlenets,
  ...inceptions,
  ...mnasnets,
  ...mobilenets,
  ...nins,
  ...regnets,
  ...resnets,
  ...senets,
  ...seq2seqs,
  ...shufflenets,
  ...squeezenets,
  ...taggers,
  ...transformers,
  ...vggs,
  ...vits,
  ...xceptions,
};

/** A name that `create` knows. */
export type ModelName = keyof typeof BUILDERS;

/** The options of a model. */
export type ModelOptions<N extends ModelName> = NonNullable<Parameters<(typeof BUILDERS)[N]>[0]>;

/** The names that `create` knows, in alphabetical order. */
export function list(): ModelName[] {
  return (Object.keys(BUILDERS) as ModelName[]).sort();
}

/**
 * Builds a model by its name, freshly initialised. Names are torchvision's where it has the model ("resnet18", "vgg16_bn"), and so are the
 * keys of its state dict, so that published weights load strictly.
 * Options: those of the class; image models take numClasses, inChannels, widthMult and small among them, models of sequences the numbers of words.
 * Where the name is known at run time only, the caller tells what kind of module it stands for; by default one from a tensor to a tensor.
 * Errors: ArgumentError for a name that is not in `list()`, with the names that are near; for options that the model does not take.
 */
export function create<N extends ModelName>(name: N, options?: ModelOptions<N>): ReturnType<(typeof BUILDERS)[N]>;
export function create<M extends Module = Layer>(
  name: string,
  options?: ImageModelOptions & Readonly<Record<string, unknown>>,
): M;
export function create(name: string, options: object = {}): Module {
  const builder = Object.hasOwn(BUILDERS, name) ? BUILDERS[name as ModelName] : undefined;
  if (builder === undefined) throw new ArgumentError("create", unknownName(name));
  return builder(options);
}

function unknownName(name: unknown): string {
  if (typeof name !== "string") return `name is ${String(name)}; expected a string`;
  const plain = (s: string): string => s.toLowerCase().replace(/[^a-z0-9]/g, "");
  const wanted = plain(name);
  const ranked = list()
    .map((n) => ({ n, d: distance(wanted, plain(n)) }))
    .sort((a, b) => a.d - b.d);
  const near = ranked.filter(({ d }) => d <= Math.max(2, ranked[0]!.d)).slice(0, 5);
  return `there is no model "${name}"; near are ${near.map(({ n }) => n).join(", ")} (models.list() has all)`;
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + Number(a[i - 1] !== b[j - 1]);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
