import { describe, expect, test } from "vitest";
import { ArgumentError, metrics, ShapeError, scope, type Tensor, tensor } from "../src/node.js";
import { expectNoLeaks, own } from "./support/loading.js";

expectNoLeaks();

const classes = (...list: number[]): Tensor => own(tensor(Int32Array.from(list)));
const scores = (rows: number[][]): Tensor => own(tensor(rows));
const floats = (...list: number[]): Tensor => own(tensor(Float32Array.from(list)));

/** Scores of which each row has its largest number at the given class. */
const predicting = (n: number, ...list: number[]): Tensor =>
  scores(list.map((c) => Array.from({ length: n }, (_, k) => (k === c ? 1 : 0))));

const measured = <R>(metric: metrics.Metric<R>, outputs: Tensor, targets: Tensor): R => {
  metric.update(outputs, targets);
  return metric.compute();
};

// scikit-learn's example of precision_score, recall_score and f1_score.
const TRUE = [0, 1, 2, 0, 1, 2];
const PREDICTED = [0, 2, 1, 0, 0, 1];

describe("Accuracy", () => {
  test("is the share of rows whose largest score is the target's", () => {
    const outputs = scores([
      [0.1, 0.9, 0],
      [0.5, 0.2, 0.3],
      [0.2, 0.2, 0.6],
      [0.4, 0.4, 0.2],
    ]);
    // Of equal scores the first counts.
    expect(measured(new metrics.Accuracy(), outputs, classes(1, 0, 1, 0))).toBe(0.75);
    expect(new metrics.Accuracy().compute()).toBe(0);
  });

  test("takes classes in place of scores, and targets that a collate made float32", () => {
    expect(measured(new metrics.Accuracy(), classes(...PREDICTED), classes(...TRUE))).toBe(2 / 6);
    expect(measured(new metrics.Accuracy(), predicting(3, 0, 2), floats(0, 1))).toBe(0.5);
  });

  test("counts every pixel of scores [N, C, H, W] and skips what is ignored", () => {
    const outputs = own(tensor(Float32Array.of(1, 0, 1, 0, 0, 1, 0, 1), { shape: [1, 2, 2, 2] }));
    const targets = own(tensor(Int32Array.of(0, 0, 255, 1), { shape: [1, 2, 2] }));
    expect(measured(new metrics.Accuracy({ ignoreIndex: 255 }), outputs, targets)).toBe(2 / 3);
  });

  test("counts targets among the k best scores", () => {
    // scikit-learn's example of top_k_accuracy_score.
    const outputs = scores([
      [0.5, 0.2, 0.2],
      [0.3, 0.4, 0.2],
      [0.2, 0.4, 0.3],
      [0.7, 0.2, 0.1],
    ]);
    const targets = classes(0, 1, 2, 2);
    expect(measured(new metrics.Accuracy({ topK: 2 }), outputs, targets)).toBe(0.75);
    expect(measured(new metrics.TopKAccuracy(2), outputs, targets)).toBe(0.75);
    expect(measured(new metrics.TopKAccuracy(1), outputs, targets)).toBe(0.5);
    expect(measured(new metrics.TopKAccuracy(3), outputs, targets)).toBe(1);
    const images = own(tensor(Float32Array.of(3, 1, 2, 2, 1, 3), { shape: [1, 3, 2] }));
    const pixels = own(tensor(Int32Array.of(1, 0), { shape: [1, 2] }));
    expect(measured(new metrics.TopKAccuracy(2), images, pixels)).toBe(0.5);
    expect(measured(new metrics.TopKAccuracy(2, { ignoreIndex: 0 }), images, pixels)).toBe(1);
  });

  test("compares binary scores with a threshold", () => {
    const targets = classes(0, 1, 0, 1);
    expect(measured(new metrics.Accuracy({ task: "binary" }), floats(0.5, 0.6, 0.7, 0.2), targets)).toBe(0.5);
    expect(measured(new metrics.Accuracy({ task: "binary", threshold: 0 }), floats(-1, 3, -2, 1), targets)).toBe(1);
    expect(measured(new metrics.Accuracy({ task: "binary" }), classes(0, 1, 1, 1), targets)).toBe(0.75);
  });

  test("gives the same over batches as all at once, and begins anew after reset", () => {
    const metric = new metrics.Accuracy();
    metric.update(predicting(3, 0, 1), classes(0, 2));
    metric.update(predicting(3, 2), classes(2));
    expect(metric.compute()).toBe(2 / 3);
    metric.reset();
    expect(metric.compute()).toBe(0);
    metric.update(predicting(3, 2), classes(2));
    expect(metric.compute()).toBe(1);
  });

  test("treats NaN as the largest score, as argmax does", () => {
    expect(measured(new metrics.Accuracy(), scores([[0, Number.NaN, 5]]), classes(1))).toBe(1);
    expect(measured(new metrics.Accuracy({ task: "binary" }), floats(Number.NaN), classes(1))).toBe(0);
  });

  test("refuses what does not fit, and has counted nothing then", () => {
    const metric = new metrics.Accuracy();
    const bad: [Tensor, Tensor, string][] = [
      [scores([[1, 2]]), classes(2), "Accuracy: targets hold class 2; expected 0 to 1"],
      [scores([[1, 2]]), classes(-1), "targets hold class -1"],
      [scores([[1, 2]]), floats(0.5), "targets hold class 0.5"],
      [scores([[1, 2]]), classes(0, 1), 'expected scores [N, C, …] and classes [N, …], or task "binary"'],
      [floats(0.5, 0.5), classes(0, 1), 'or task "binary"'],
      [classes(0, 1), classes(0), "outputs have shape [2]; expected [1]"],
    ];
    for (const [outputs, targets, message] of bad) {
      expect(() => metric.update(outputs, targets), message).toThrow(message);
    }
    expect(metric.compute()).toBe(0);
    expect(() => metric.update([1] as never, classes(1))).toThrow("outputs are no Tensor");
    expect(() => new metrics.Accuracy({ topK: 4 }).update(predicting(3, 0), classes(0))).toThrow("topK is 4 with 3");
    expect(() => new metrics.Accuracy({ topK: 2 }).update(classes(0), classes(0))).toThrow("expected scores");
    expect(() => new metrics.Accuracy({ topK: 2, task: "binary" })).toThrow(ArgumentError);
    expect(() => new metrics.Accuracy({ threshold: 0.3 })).toThrow('threshold is 0.3 with task "multiclass"');
    expect(() => new metrics.Accuracy({ k: 1 } as never)).toThrow('Accuracy: unknown option "k"');
    expect(() => new metrics.TopKAccuracy(0)).toThrow("k is 0");
    expect(() => new metrics.TopKAccuracy(2, { topK: 3 } as never)).toThrow('TopKAccuracy: unknown option "topK"');
  });
});

describe("Precision, Recall and F1Score", () => {
  const of = (metric: metrics.Metric<number | number[]>): number | number[] =>
    measured(metric, predicting(3, ...PREDICTED), classes(...TRUE));

  test("agree with scikit-learn's example", () => {
    expect(of(new metrics.Precision())).toBeCloseTo(2 / 9, 12);
    expect(of(new metrics.Precision({ average: "micro" }))).toBeCloseTo(1 / 3, 12);
    expect(of(new metrics.Precision({ average: "weighted" }))).toBeCloseTo(2 / 9, 12);
    expect(of(new metrics.Precision({ average: "none" }))).toEqual([2 / 3, 0, 0]);
    expect(of(new metrics.Recall())).toBeCloseTo(1 / 3, 12);
    expect(of(new metrics.Recall({ average: "none" }))).toEqual([1, 0, 0]);
    expect(of(new metrics.F1Score())).toBeCloseTo(0.8 / 3, 12);
    expect(of(new metrics.F1Score({ average: "none" }))).toEqual([0.8, 0, 0]);
    expect(of(new metrics.F1Score({ average: "micro" }))).toBeCloseTo(1 / 3, 12);
    // scikit-learn's example of fbeta_score.
    expect(of(new metrics.FBetaScore(0.5))).toBeCloseTo(0.2380952, 6);
    expect(of(new metrics.FBetaScore(0.5, { average: "none" }))).toEqual([expect.closeTo(0.7142857, 6), 0, 0]);
  });

  test("weigh classes by their targets", () => {
    // Class 0: 3 of 3 found, one too many; class 1: 1 of 2 found.
    const outputs = predicting(2, 0, 0, 0, 0, 1);
    const targets = classes(0, 0, 0, 1, 1);
    expect(measured(new metrics.Precision({ average: "weighted" }), outputs, targets)).toBeCloseTo(
      (3 * 0.75 + 2) / 5,
      12,
    );
    expect(measured(new metrics.Recall({ average: "weighted" }), outputs, targets)).toBeCloseTo((3 + 2 * 0.5) / 5, 12);
  });

  test("leave classes out of the macro average that occur nowhere, and give 0 for nothing to divide by", () => {
    const outputs = predicting(4, 0, 1);
    expect(measured(new metrics.Recall(), outputs, classes(0, 1))).toBe(1);
    expect(measured(new metrics.Recall({ average: "none" }), outputs, classes(0, 1))).toEqual([1, 1, 0, 0]);
    expect(measured(new metrics.Precision(), predicting(3, 0, 0), classes(1, 2))).toBe(0);
    expect(new metrics.F1Score().compute()).toBe(0);
    expect(new metrics.F1Score({ average: "none" }).compute()).toEqual([]);
  });

  test("score class 1 alone in the binary task", () => {
    // tp 1, fp 2, fn 1.
    const [outputs, targets] = [floats(0.9, 0.8, 0.7, 0.1, 0.2), classes(1, 0, 0, 1, 0)];
    expect(measured(new metrics.Precision({ task: "binary" }), outputs, targets)).toBeCloseTo(1 / 3, 12);
    expect(measured(new metrics.Recall({ task: "binary" }), outputs, targets)).toBe(0.5);
    expect(measured(new metrics.F1Score({ task: "binary", average: "micro" }), outputs, targets)).toBe(0.4);
    expect(measured(new metrics.F1Score({ task: "binary", threshold: 0.85 }), outputs, targets)).toBeCloseTo(2 / 3, 12);
  });

  test("count labels one by one in the multilabel task", () => {
    const outputs = scores([
      [0.9, 0.2, 0.6],
      [0.4, 0.7, 0.9],
    ]);
    const targets = own(tensor(Int32Array.of(1, 1, 0, 0, 1, 1), { shape: [2, 3] }));
    const task = { task: "multilabel", average: "none" } as const;
    expect(measured(new metrics.Precision(task), outputs, targets)).toEqual([1, 1, 0.5]);
    expect(measured(new metrics.Recall(task), outputs, targets)).toEqual([1, 0.5, 1]);
    expect(measured(new metrics.Precision({ task: "multilabel" }), outputs, targets)).toBeCloseTo(2.5 / 3, 12);
    const ignoring = new metrics.Recall({ ...task, ignoreIndex: -1 });
    const some = own(tensor(Int32Array.of(1, -1, 0, 0, 1, 1), { shape: [2, 3] }));
    expect(measured(ignoring, outputs, some)).toEqual([1, 1, 1]);
  });

  test("give the same over batches as all at once", () => {
    for (const average of ["micro", "macro", "weighted"] as const) {
      const metric = new metrics.F1Score({ average });
      metric.update(predicting(3, ...PREDICTED.slice(0, 2)), classes(...TRUE.slice(0, 2)));
      metric.update(predicting(3, ...PREDICTED.slice(2)), classes(...TRUE.slice(2)));
      expect(metric.compute()).toBe(of(new metrics.F1Score({ average })));
      metric.reset();
      expect(metric.compute()).toBe(0);
    }
  });

  test("need the number of classes if outputs are classes", () => {
    const [outputs, targets] = [classes(...PREDICTED), classes(...TRUE)];
    expect(() => new metrics.Recall().update(outputs, targets)).toThrow("numClasses is not given");
    expect(measured(new metrics.Recall({ numClasses: 3 }), outputs, targets)).toBeCloseTo(1 / 3, 12);
    expect(() => new metrics.Recall({ numClasses: 2 }).update(outputs, targets)).toThrow(
      "hold class 2; expected 0 to 1",
    );
  });

  test("refuse another number of classes than before, and bad options", () => {
    const metric = new metrics.Recall();
    metric.update(predicting(3, 0), classes(0));
    expect(() => metric.update(predicting(4, 0), classes(0))).toThrow("outputs have 4 classes ([1, 4]); expected 3");
    expect(() => new metrics.Recall({ average: "samples" as never })).toThrow('average is "samples"');
    expect(() => new metrics.Recall({ task: "binary", numClasses: 3 })).toThrow("numClasses is 3");
    expect(() => new metrics.FBetaScore(-1)).toThrow("beta is -1");
    const labels = new metrics.Recall({ task: "multilabel", numClasses: 3 });
    expect(() => labels.update(scores([[1, 0]]), scores([[1, 0]]))).toThrow(ShapeError);
  });
});

describe("JaccardIndex and Dice", () => {
  test("are the overlap of predicted and true pixels", () => {
    const predicted = own(tensor(Int32Array.of(0, 1, 1, 1, 0, 0), { shape: [1, 2, 3] }));
    const actual = own(tensor(Int32Array.of(0, 1, 1, 0, 0, 1), { shape: [1, 2, 3] }));
    // Each class: 2 pixels in common, 4 in the union, 3 + 3 in all.
    const options = { numClasses: 2, average: "none" } as const;
    expect(measured(new metrics.JaccardIndex(options), predicted, actual)).toEqual([0.5, 0.5]);
    expect(measured(new metrics.JaccardIndex({ numClasses: 2 }), predicted, actual)).toBe(0.5);
    expect(measured(new metrics.Dice(options), predicted, actual)).toEqual([2 / 3, 2 / 3]);
    const masks = own(predicted.to("float32"));
    expect(measured(new metrics.Dice({ task: "binary" }), masks, actual)).toBeCloseTo(2 / 3, 12);
    expect(measured(new metrics.JaccardIndex({ task: "binary" }), masks, actual)).toBe(0.5);
  });

  test("agree with scikit-learn's example of jaccard_score", () => {
    const outputs = classes(0, 2, 1, 2);
    const targets = classes(0, 1, 2, 2);
    const metric = new metrics.JaccardIndex({ numClasses: 3, average: "none" });
    expect(measured(metric, outputs, targets)).toEqual([1, 0, 1 / 3]);
  });
});

describe("ConfusionMatrix", () => {
  test("agrees with scikit-learn's example", () => {
    const targets = [2, 0, 2, 2, 0, 1];
    const predicted = [0, 0, 2, 2, 0, 2];
    const metric = new metrics.ConfusionMatrix();
    expect(metric.compute()).toEqual([]);
    metric.update(predicting(3, ...predicted.slice(0, 4)), classes(...targets.slice(0, 4)));
    metric.update(predicting(3, ...predicted.slice(4)), classes(...targets.slice(4)));
    const counts = [
      [2, 0, 0],
      [0, 0, 1],
      [1, 0, 2],
    ];
    expect(metric.compute()).toEqual(counts);
    metric.compute()[0]![0] = 9;
    expect(metric.compute()).toEqual(counts);
    metric.reset();
    expect(metric.compute()).toEqual([]);
  });

  test("divides by rows, columns or everything, 0 staying 0", () => {
    const of = (normalize: "true" | "pred" | "all"): number[][] =>
      measured(new metrics.ConfusionMatrix({ normalize }), predicting(3, 0, 1, 0, 0), classes(0, 0, 1, 1));
    expect(of("true")).toEqual([
      [0.5, 0.5, 0],
      [1, 0, 0],
      [0, 0, 0],
    ]);
    expect(of("pred")[1]).toEqual([2 / 3, 0, 0]);
    expect(of("all")[1]).toEqual([0.5, 0, 0]);
  });

  test("counts true and false, positive and negative", () => {
    // scikit-learn's example: tn 0, fp 2, fn 1, tp 1.
    const metric = new metrics.ConfusionMatrix({ task: "binary" });
    expect(measured(metric, classes(1, 1, 1, 0), classes(0, 1, 0, 1))).toEqual([
      [0, 2],
      [1, 1],
    ]);
    expect(() => new metrics.ConfusionMatrix().update(classes(1), classes(1))).toThrow("numClasses is not given");
    expect(() => new metrics.ConfusionMatrix({ normalize: true as never })).toThrow("normalize is true");
  });
});

describe("AUROC", () => {
  test("agrees with scikit-learn's example of roc_auc_score", () => {
    expect(measured(new metrics.AUROC(), floats(0.1, 0.4, 0.35, 0.8), classes(0, 0, 1, 1))).toBe(0.75);
  });

  test("counts equal scores half, over batches too", () => {
    const metric = new metrics.AUROC();
    metric.update(floats(0.5, 0.2), classes(1, 0));
    metric.update(floats(0.5, 0.9), classes(0, 1));
    // Pairs: 0.5 > 0.2, 0.5 = 0.5, 0.9 > both.
    expect(metric.compute()).toBe(3.5 / 4);
    metric.reset();
    expect(metric.compute()).toBe(0);
  });

  test("is the mean over classes against the rest", () => {
    const outputs = scores([
      [0.9, 0.1, 0],
      [0.8, 0.2, 0],
      [0.3, 0.7, 0],
      [0.85, 0.15, 0],
    ]);
    // Class 0: 0.9 and 0.8 against 0.3 and 0.85; class 1 the same mirrored; class 2 has no positives.
    expect(measured(new metrics.AUROC({ task: "multiclass" }), outputs, classes(0, 0, 1, 1))).toBe(0.75);
  });

  test("is 0 with one side only, NaN with NaN, and refuses classes as outputs", () => {
    expect(measured(new metrics.AUROC(), floats(0.1, 0.4), classes(1, 1))).toBe(0);
    expect(measured(new metrics.AUROC(), floats(Number.NaN, 0.4), classes(1, 0))).toBeNaN();
    expect(measured(new metrics.AUROC({ ignoreIndex: 7 }), floats(Number.NaN, 0.4, 0.2), classes(7, 1, 0))).toBe(1);
    expect(() => new metrics.AUROC().update(classes(1), classes(1))).toThrow("expected float32");
    expect(() => new metrics.AUROC().update(floats(1), classes(2))).toThrow("targets hold class 2");
  });
});

describe("metrics in a loop", () => {
  test("leave nothing in the scope but what they were given", () => {
    const outputs = predicting(3, 0, 1, 2);
    const targets = classes(0, 1, 1);
    const all = [
      new metrics.Accuracy(),
      new metrics.TopKAccuracy(2),
      new metrics.F1Score(),
      new metrics.ConfusionMatrix(),
      new metrics.AUROC({ task: "multiclass" }),
      new metrics.Perplexity(),
    ];
    // Outside of any scope too: expectNoLeaks counts what is left.
    for (const metric of all) metric.update(outputs, targets);
    scope(() => {
      for (const metric of all) metric.update(outputs, targets);
    });
    expect(all[0]!.compute()).toBe(2 / 3);
  });
});
