// Networks as plain data: every implementation builds the same from it. Shapes are PyTorch's: NCHW, weights [out, in, k, k] and [out, in].

export interface ConvLayer {
  readonly type: "conv";
  readonly inC: number;
  readonly outC: number;
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default 0. */
  readonly padding?: number;
  /** Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
}

export interface PoolLayer {
  readonly type: "maxpool";
  readonly kernel: number;
  readonly stride: number;
  /** Default 0. */
  readonly padding?: number;
}

/** Self-attention, then a feed-forward network with a relu, each added to its input and normalised; no dropout. */
export interface EncoderLayer {
  readonly type: "encoder";
  readonly width: number;
  readonly heads: number;
  /** Features between the two linear layers. */
  readonly hidden: number;
  /** Each position attends only to those before it and itself. */
  readonly causal: boolean;
}

export type Layer =
  | ConvLayer
  | PoolLayer
  | EncoderLayer
  | { readonly type: "linear"; readonly inF: number; readonly outF: number }
  /** Of images. */
  | { readonly type: "batchnorm"; readonly channels: number }
  | { readonly type: "relu" }
  | { readonly type: "relu6" }
  /** Mean of each channel, [N, C, H, W] → [N, C, 1, 1]. */
  | { readonly type: "avgpool" }
  | { readonly type: "flatten" }
  /** body(x) + shortcut(x); an empty shortcut is x. */
  | { readonly type: "residual"; readonly body: readonly Layer[]; readonly shortcut: readonly Layer[] }
  /** The outputs of all branches, one behind the other along the channels. */
  | { readonly type: "concat"; readonly branches: readonly (readonly Layer[])[] }
  /** Integers [N, T] → [N, T, width]. */
  | { readonly type: "embedding"; readonly count: number; readonly width: number }
  /** Adds a learned vector to each position of [N, length, width]. */
  | { readonly type: "positions"; readonly length: number; readonly width: number }
  /** One layer, one direction, zeros to begin with: [N, T, inF] → [N, T, outF]. */
  | { readonly type: "lstm"; readonly inF: number; readonly outF: number };

export interface Model {
  /** Shape of one example. */
  readonly input: readonly number[];
  /** The input is integers below this, and there is a target for each of them; otherwise it is numbers with one target. */
  readonly tokens?: number;
  readonly layers: readonly Layer[];
}

const relu: Layer = { type: "relu" };
const head = (inF: number, outF: number): Layer[] => [
  { type: "avgpool" },
  { type: "flatten" },
  { type: "linear", inF, outF },
];

export const lenet: Model = {
  input: [1, 28, 28],
  layers: [
    { type: "conv", inC: 1, outC: 6, kernel: 5, padding: 2 },
    relu,
    { type: "maxpool", kernel: 2, stride: 2 },
    { type: "conv", inC: 6, outC: 16, kernel: 5 },
    relu,
    { type: "maxpool", kernel: 2, stride: 2 },
    { type: "flatten" },
    { type: "linear", inF: 400, outF: 120 },
    relu,
    { type: "linear", inF: 120, outF: 84 },
    relu,
    { type: "linear", inF: 84, outF: 10 },
  ],
};

export const mlp: Model = {
  input: [784],
  layers: [
    { type: "linear", inF: 784, outF: 512 },
    relu,
    { type: "linear", inF: 512, outF: 256 },
    relu,
    { type: "linear", inF: 256, outF: 10 },
  ],
};

/** A convolution without bias, then batch normalisation. */
function convNorm(conv: Omit<ConvLayer, "type" | "bias">): Layer[] {
  return [
    { type: "conv", ...conv, bias: false },
    { type: "batchnorm", channels: conv.outC },
  ];
}

/** Two 3×3 convolutions around which the input is added. */
function basicBlock(inC: number, outC: number, stride: number): Layer[] {
  const body = [
    ...convNorm({ inC, outC, kernel: 3, stride, padding: 1 }),
    relu,
    ...convNorm({ inC: outC, outC, kernel: 3, padding: 1 }),
  ];
  const shortcut = stride === 1 && inC === outC ? [] : convNorm({ inC, outC, kernel: 1, stride });
  return [{ type: "residual", body, shortcut }, relu];
}

/** What comes after the stem of a ResNet-18. */
function resnetStages(classes: number): Layer[] {
  const stages = [64, 128, 256, 512].flatMap((outC, i) => [
    ...basicBlock(i === 0 ? 64 : outC / 2, outC, i === 0 ? 1 : 2),
    ...basicBlock(outC, outC, 1),
  ]);
  return [...stages, ...head(512, classes)];
}

/** He et al., Deep Residual Learning for Image Recognition, 2015, as in torchvision. */
export const resnet18: Model = {
  input: [3, 224, 224],
  layers: [
    ...convNorm({ inC: 3, outC: 64, kernel: 7, stride: 2, padding: 3 }),
    relu,
    { type: "maxpool", kernel: 3, stride: 2, padding: 1 },
    ...resnetStages(1000),
  ],
};

/** The same with a stem for small images, as is usual with CIFAR-10. */
export const resnet18Cifar: Model = {
  input: [3, 32, 32],
  layers: [...convNorm({ inC: 3, outC: 64, kernel: 3, padding: 1 }), relu, ...resnetStages(10)],
};

/** Expands, filters each channel, and projects; the input is added where the shape stays. */
function invertedResidual(inC: number, outC: number, stride: number, expand: number): Layer[] {
  const hidden = inC * expand;
  const body: Layer[] = [
    ...(expand === 1 ? [] : [...convNorm({ inC, outC: hidden, kernel: 1 }), { type: "relu6" } as const]),
    ...convNorm({ inC: hidden, outC: hidden, kernel: 3, stride, padding: 1, groups: hidden }),
    { type: "relu6" },
    ...convNorm({ inC: hidden, outC, kernel: 1 }),
  ];
  return stride === 1 && inC === outC ? [{ type: "residual", body, shortcut: [] }] : body;
}

function mobilenetBlocks(): Layer[] {
  // Expansion, channels, blocks, stride of the first.
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  let inC = 32;
  return stages.flatMap(([expand, outC, blocks, stride]) =>
    Array.from({ length: blocks }, (_, i) => {
      const block = invertedResidual(inC, outC, i === 0 ? stride : 1, expand);
      inC = outC;
      return block;
    }).flat(),
  );
}

/** Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018, as in torchvision. */
export const mobilenetv2: Model = {
  input: [3, 224, 224],
  layers: [
    ...convNorm({ inC: 3, outC: 32, kernel: 3, stride: 2, padding: 1 }),
    { type: "relu6" },
    ...mobilenetBlocks(),
    ...convNorm({ inC: 320, outC: 1280, kernel: 1 }),
    { type: "relu6" },
    ...head(1280, 1000),
  ],
};

/** Squeezes to a few channels, then expands to `outC`, half of them by 1×1 and half by 3×3. */
function fire(inC: number, squeeze: number, outC: number): Layer[] {
  const half = { type: "conv", inC: squeeze, outC: outC / 2 } as const;
  const branches: Layer[][] = [
    [{ ...half, kernel: 1 }, relu],
    [{ ...half, kernel: 3, padding: 1 }, relu],
  ];
  return [{ type: "conv", inC, outC: squeeze, kernel: 1 }, relu, { type: "concat", branches }];
}

/** Version 1.1 of Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016, as in torchvision. */
export const squeezenet: Model = {
  input: [3, 224, 224],
  layers: [
    { type: "conv", inC: 3, outC: 64, kernel: 3, stride: 2 },
    relu,
    { type: "maxpool", kernel: 3, stride: 2 },
    ...fire(64, 16, 128),
    ...fire(128, 16, 128),
    { type: "maxpool", kernel: 3, stride: 2 },
    ...fire(128, 32, 256),
    ...fire(256, 32, 256),
    { type: "maxpool", kernel: 3, stride: 2 },
    ...fire(256, 48, 384),
    ...fire(384, 48, 384),
    ...fire(384, 64, 512),
    ...fire(512, 64, 512),
    { type: "conv", inC: 512, outC: 1000, kernel: 1 },
    relu,
    { type: "avgpool" },
    { type: "flatten" },
  ],
};

function encoders(count: number, width: number, hidden: number, causal: boolean): Layer[] {
  return Array.from({ length: count }, () => ({ type: "encoder", width, heads: 4, hidden, causal }));
}

/** Four encoder layers on a sequence of 128 vectors. */
export const transformerEncoder: Model = { input: [128, 256], layers: encoders(4, 256, 1024, false) };

/** A language model over 65 characters, as many as in the works of Shakespeare that are usual for it. */
const CHARACTERS = 65;

export const charLstm: Model = {
  input: [64],
  tokens: CHARACTERS,
  layers: [
    { type: "embedding", count: CHARACTERS, width: 64 },
    { type: "lstm", inF: 64, outF: 256 },
    { type: "linear", inF: 256, outF: CHARACTERS },
  ],
};

export const charTransformer: Model = {
  input: [64],
  tokens: CHARACTERS,
  layers: [
    { type: "embedding", count: CHARACTERS, width: 128 },
    { type: "positions", length: 64, width: 128 },
    ...encoders(4, 128, 512, true),
    { type: "linear", inF: 128, outF: CHARACTERS },
  ],
};
