// What docs/models.md says of each model beside what is counted and measured: its paper, the count given there, the paper's input.
import type { train } from "quadlane";

/** Title, year and address; the address is null for what was never put on a page of its own. */
type Paper = readonly [title: string, url: string | null];

const arxiv = (id: string): string => `https://arxiv.org/abs/${id}`;
const doi = (id: string): string => `https://doi.org/${id}`;

export const PAPERS = {
  additiveAttention: [
    "Bahdanau et al., Neural Machine Translation by Jointly Learning to Align, 2015",
    arxiv("1409.0473"),
  ],
  alexnet: [
    "Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012",
    doi("10.1145/3065386"),
  ],
  charRnn: [
    "Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks, 2015",
    "https://karpathy.github.io/2015/05/21/rnn-effectiveness/",
  ],
  convAutoencoder: ["Masci et al., Stacked Convolutional Auto-Encoders, 2011", doi("10.1007/978-3-642-21735-7_7")],
  cox: ["Cox, The Regression Analysis of Binary Sequences, 1958", doi("10.1111/j.2517-6161.1958.tb00292.x")],
  dcgan: ["Radford et al., Unsupervised Representation Learning with DCGAN, 2016", arxiv("1511.06434")],
  deepRnn: ["Graves et al., Speech Recognition with Deep Recurrent Neural Networks, 2013", arxiv("1303.5778")],
  denseAutoencoder: [
    "Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, 2006",
    doi("10.1126/science.1127647"),
  ],
  densenet: ["Huang et al., Densely Connected Convolutional Networks, 2017", arxiv("1608.06993")],
  efficientnet: ["Tan and Le, EfficientNet, 2019", arxiv("1905.11946")],
  fcn: ["Long et al., Fully Convolutional Networks for Semantic Segmentation, 2015", arxiv("1411.4038")],
  gan: ["Goodfellow et al., Generative Adversarial Nets, 2014", arxiv("1406.2661")],
  googlenet: ["Szegedy et al., Going Deeper with Convolutions, 2015", arxiv("1409.4842")],
  gpt2: [
    "Radford et al., Language Models are Unsupervised Multitask Learners, 2019",
    "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf",
  ],
  inception: ["Szegedy et al., Rethinking the Inception Architecture, 2016", arxiv("1512.00567")],
  legendre: ["Legendre, Nouvelles méthodes pour la détermination des orbites des comètes, 1805", null],
  lenet: ["LeCun et al., Gradient-based Learning Applied to Document Recognition, 1998", doi("10.1109/5.726791")],
  mlp: ["Rumelhart et al., Learning Representations by Back-propagating Errors, 1986", doi("10.1038/323533a0")],
  mnasnet: ["Tan et al., MnasNet, 2019", arxiv("1807.11626")],
  mobilenetV1: ["Howard et al., MobileNets, 2017", arxiv("1704.04861")],
  mobilenetV2: ["Sandler et al., MobileNetV2, 2018", arxiv("1801.04381")],
  nin: ["Lin et al., Network in Network, 2014", arxiv("1312.4400")],
  perceptron: ["Rosenblatt, The Perceptron, 1958", doi("10.1037/h0042519")],
  regnet: ["Radosavovic et al., Designing Network Design Spaces, 2020", arxiv("2003.13678")],
  regnet128: [
    "Singh et al., Revisiting Weakly Supervised Pre-Training of Visual Perception Models, 2022",
    arxiv("2201.08371"),
  ],
  resnet: ["He et al., Deep Residual Learning for Image Recognition, 2016", arxiv("1512.03385")],
  resnext: ["Xie et al., Aggregated Residual Transformations, 2017", arxiv("1611.05431")],
  resnext101: ["Mahajan et al., Exploring the Limits of Weakly Supervised Pretraining, 2018", arxiv("1805.00932")],
  senet: ["Hu et al., Squeeze-and-Excitation Networks, 2018", arxiv("1709.01507")],
  seq2seq: ["Sutskever et al., Sequence to Sequence Learning with Neural Networks, 2014", arxiv("1409.3215")],
  shufflenetV1: ["Zhang et al., ShuffleNet, 2018", arxiv("1707.01083")],
  shufflenetV2: ["Ma et al., ShuffleNet V2, 2018", arxiv("1807.11164")],
  squeezenet: ["Iandola et al., SqueezeNet, 2016", arxiv("1602.07360")],
  tagger: ["Huang et al., Bidirectional LSTM-CRF Models for Sequence Tagging, 2015", arxiv("1508.01991")],
  transformer: ["Vaswani et al., Attention Is All You Need, 2017", arxiv("1706.03762")],
  unet: ["Ronneberger et al., U-Net, 2015", arxiv("1505.04597")],
  vae: ["Kingma and Welling, Auto-Encoding Variational Bayes, 2014", arxiv("1312.6114")],
  vgg: ["Simonyan and Zisserman, Very Deep Convolutional Networks, 2015", arxiv("1409.1556")],
  vit: ["Dosovitskiy et al., An Image is Worth 16x16 Words, 2021", arxiv("2010.11929")],
  wideResnet: ["Zagoruyko and Komodakis, Wide Residual Networks, 2016", arxiv("1605.07146")],
  xception: ["Chollet, Xception, 2017", arxiv("1610.02357")],
} as const satisfies Readonly<Record<string, Paper>>;

export interface ModelRow {
  readonly paper: keyof typeof PAPERS;
  /** The count that the paper states ("5.3 M"), or that follows from its sizes (in full); null for neither. */
  readonly stated: string | null;
  /** Inputs of `forward` at batch 1, of the paper's size. */
  readonly inputs: readonly train.InputSpec[];
  /** Options that the paper's size needs. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Why the counts differ by more than 2 %. */
  readonly why?: string;
}

type More = Omit<ModelRow, "paper" | "stated" | "inputs">;

/** A network for RGB images of one size. */
const image = (paper: ModelRow["paper"], stated: string | null, px = 224, more: More = {}): ModelRow => ({
  paper,
  stated,
  inputs: [{ shape: [1, 3, px, px] }],
  ...more,
});

/** A network for digits: images of 28 × 28, or what they are made of. */
const digits = (
  paper: ModelRow["paper"],
  stated: string | null,
  shape = [1, 1, 28, 28],
  more: More = {},
): ModelRow => ({
  paper,
  stated,
  inputs: [{ shape }],
  ...more,
});

/** A network for sequences of words, one sequence for each length. */
const words = (
  paper: ModelRow["paper"],
  stated: string | null,
  lengths: readonly number[],
  more: More = {},
): ModelRow => ({
  paper,
  stated,
  inputs: lengths.map((length) => ({ shape: [1, length], dtype: "int32" })),
  ...more,
});

/** One row for each name of `models.list()`. */
export const ROWS: Readonly<Record<string, ModelRow>> = {
  alexnet: image("alexnet", "60 M"),
  bidirectional_tagger: words("tagger", null, [32]),
  char_rnn: words("charRnn", null, [64]),
  conv_autoencoder: digits("convAutoencoder", null),
  conv_vae: digits("vae", null),
  dcgan_discriminator: image("dcgan", "2,765,568", 64),
  dcgan_generator: digits("dcgan", "3,576,704", [1, 100]),
  decoder_lm: words("gpt2", null, [256]),
  deep_rnn: { paper: "deepRnn", stated: null, inputs: [{ shape: [1, 64, 40] }], options: { inputSize: 40 } },
  dense_autoencoder: digits("denseAutoencoder", "2,837,314"),
  dense_vae: digits("vae", null),
  densenet121: image("densenet", null),
  densenet161: image("densenet", null),
  densenet169: image("densenet", null),
  densenet201: image("densenet", null),
  efficientnet_b0: image("efficientnet", "5.3 M"),
  efficientnet_b1: image("efficientnet", "7.8 M", 240),
  efficientnet_b2: image("efficientnet", "9.2 M", 260),
  efficientnet_b3: image("efficientnet", "12 M", 300),
  efficientnet_b4: image("efficientnet", "19 M", 380),
  efficientnet_b5: image("efficientnet", "30 M", 456),
  efficientnet_b6: image("efficientnet", "43 M", 528),
  efficientnet_b7: image("efficientnet", "66 M", 600),
  fcn_resnet101: image("fcn", null, 500),
  fcn_resnet50: image("fcn", null, 500),
  gan_discriminator: digits("gan", null),
  gan_generator: digits("gan", null, [1, 100]),
  googlenet: image("googlenet", "6.8 M", 224, { why: "3×3 in place of 5×5 convolutions, as torchvision has them" }),
  gpt2: words("gpt2", "117 M", [1024], { why: "the weights that were published have 124 million" }),
  inception_v3: image("inception", "25 M", 299, { why: "the paper says less than 25 million" }),
  lenet5: digits("lenet", "60 k", undefined, { why: "all maps are connected, and the output is a linear layer" }),
  linear_regression: digits("legendre", null, [1, 784]),
  logistic_regression: digits("cox", null),
  mlp: digits("mlp", null),
  mnasnet0_5: image("mnasnet", null),
  mnasnet0_75: image("mnasnet", null),
  mnasnet1_0: image("mnasnet", null),
  mnasnet1_3: image("mnasnet", null),
  mobilenet_v1: image("mobilenetV1", "4.2 M"),
  mobilenet_v2: image("mobilenetV2", "3.4 M", 224, { why: "the layers of the paper's Table 2 have ours" }),
  nin: image("nin", "7,439,608"),
  perceptron: digits("perceptron", null, [1, 784]),
  regnet_x_16gf: image("regnet", "54.3 M"),
  regnet_x_1_6gf: image("regnet", "9.2 M"),
  regnet_x_32gf: image("regnet", "107.8 M"),
  regnet_x_3_2gf: image("regnet", "15.3 M"),
  regnet_x_400mf: image("regnet", "5.2 M", 224, { why: "392 channels become 400, as in torchvision" }),
  regnet_x_800mf: image("regnet", "7.3 M"),
  regnet_x_8gf: image("regnet", "39.6 M"),
  regnet_y_128gf: image("regnet128", null),
  regnet_y_16gf: image("regnet", "83.6 M"),
  regnet_y_1_6gf: image("regnet", "11.2 M"),
  regnet_y_32gf: image("regnet", "145.0 M"),
  regnet_y_3_2gf: image("regnet", "19.4 M"),
  regnet_y_400mf: image("regnet", "4.3 M"),
  regnet_y_800mf: image("regnet", "6.3 M", 224, { why: "144 and 784 channels, as in torchvision" }),
  regnet_y_8gf: image("regnet", "39.2 M"),
  resnet101: image("resnet", null),
  resnet152: image("resnet", null),
  resnet18: image("resnet", null),
  resnet34: image("resnet", null),
  resnet50: image("resnet", null),
  resnext101_32x8d: image("resnext101", "88 M"),
  resnext50_32x4d: image("resnext", "25.0 M"),
  se_resnet101: image("senet", null),
  se_resnet152: image("senet", null),
  se_resnet50: image("senet", "28.1 M"),
  seq2seq: words("seq2seq", null, [16, 16]),
  seq2seq_attention: words("additiveAttention", null, [16, 16]),
  shufflenet_v1: image("shufflenetV1", null),
  shufflenet_v2_x0_5: image("shufflenetV2", null),
  shufflenet_v2_x1_0: image("shufflenetV2", null),
  shufflenet_v2_x1_5: image("shufflenetV2", null),
  shufflenet_v2_x2_0: image("shufflenetV2", null),
  squeezenet1_0: image("squeezenet", "1,248,424"),
  squeezenet1_1: image("squeezenet", null),
  transformer: words("transformer", "65 M", [32, 32], {
    options: { sourceWords: 37_000, targetWords: 37_000, tied: true },
    why: "the paper rounds; 37,000 words are shared by both languages and the output",
  }),
  transformer_classifier: words("transformer", null, [128]),
  transformer_decoder: {
    paper: "transformer",
    stated: null,
    inputs: [{ shape: [1, 32], dtype: "int32" }, { shape: [1, 32, 512] }],
  },
  transformer_encoder: words("transformer", null, [128]),
  unet: digits("unet", "31,030,658", [1, 1, 572, 572], { options: { padding: "valid" } }),
  vgg11: image("vgg", "133 M"),
  vgg11_bn: image("vgg", null),
  vgg13: image("vgg", "133 M"),
  vgg13_bn: image("vgg", null),
  vgg16: image("vgg", "138 M"),
  vgg16_bn: image("vgg", null),
  vgg19: image("vgg", "144 M"),
  vgg19_bn: image("vgg", null),
  vit_b_16: image("vit", "86 M"),
  vit_b_32: image("vit", null),
  vit_h_14: image("vit", "632 M"),
  vit_l_16: image("vit", "307 M"),
  vit_l_32: image("vit", null),
  wide_resnet101_2: image("wideResnet", null),
  wide_resnet50_2: image("wideResnet", "68.9 M"),
  xception: image("xception", "22,855,952", 299),
};
