import { describe, expect, test } from "vitest";
import { metrics, type Tensor, tensor } from "../src/node.js";
import { expectNoLeaks, own } from "./support/loading.js";

expectNoLeaks();

const floats = (...list: number[]): Tensor => own(tensor(Float32Array.from(list)));
const rows = (list: number[][]): Tensor => own(tensor(list));

const measured = <R>(metric: metrics.Metric<R>, outputs: Tensor, targets: Tensor): R => {
  metric.update(outputs, targets);
  return metric.compute();
};

// scikit-learn's examples of the regression scores.
const OUTPUTS = [2.5, 0, 2, 8];
const TARGETS = [3, -0.5, 2, 7];

describe("errors of regression", () => {
  test("agree with scikit-learn's examples", () => {
    const of = (metric: metrics.Metric): number => measured(metric, floats(...OUTPUTS), floats(...TARGETS));
    expect(of(new metrics.MeanAbsoluteError())).toBe(0.5);
    expect(of(new metrics.MeanSquaredError())).toBe(0.375);
    expect(of(new metrics.RootMeanSquaredError())).toBeCloseTo(0.6123724357, 10);
    expect(of(new metrics.MeanAbsolutePercentageError())).toBeCloseTo(0.3273809523, 9);
    expect(of(new metrics.R2Score())).toBeCloseTo(0.948608137, 9);
  });

  test("give the same over batches as all at once", () => {
    const all = [
      new metrics.MeanAbsoluteError(),
      new metrics.MeanSquaredError(),
      new metrics.RootMeanSquaredError(),
      new metrics.MeanAbsolutePercentageError(),
      new metrics.R2Score(),
    ];
    for (const metric of all) {
      const whole = measured(metric, floats(...OUTPUTS), floats(...TARGETS));
      metric.reset();
      metric.update(floats(...OUTPUTS.slice(0, 1)), floats(...TARGETS.slice(0, 1)));
      metric.update(floats(...OUTPUTS.slice(1)), floats(...TARGETS.slice(1)));
      expect(metric.compute()).toBeCloseTo(whole, 12);
    }
  });

  test("are NaN with NaN, and before the first batch", () => {
    const all = [
      new metrics.MeanAbsoluteError(),
      new metrics.MeanSquaredError(),
      new metrics.RootMeanSquaredError(),
      new metrics.MeanAbsolutePercentageError(),
      new metrics.R2Score(),
    ];
    for (const metric of all) {
      expect(metric.compute()).toBeNaN();
      expect(measured(metric, floats(1, Number.NaN), floats(1, 2))).toBeNaN();
    }
  });

  test("refuse shapes that would broadcast", () => {
    for (const metric of [new metrics.MeanSquaredError(), new metrics.R2Score()]) {
      expect(() => metric.update(rows([[1], [2]]), floats(1, 2))).toThrow("outputs have shape [2, 1]; expected [2]");
    }
    expect(() => Reflect.construct(metrics.MeanAbsoluteError, [{ squared: true }])).toThrow('unknown option "squared"');
  });

  test("count targets near 0 as in torchmetrics", () => {
    expect(measured(new metrics.MeanAbsolutePercentageError(), floats(1.17e-6), floats(0))).toBeCloseTo(1, 6);
  });
});

describe("R2Score", () => {
  const outputs = [
    [0, 2],
    [-1, 2],
    [8, -5],
  ];
  const targets = [
    [0.5, 1],
    [-1, 1],
    [7, -6],
  ];

  test("averages several outputs as scikit-learn does", () => {
    const of = (multioutput: "uniform_average" | "variance_weighted" | "raw_values"): number | number[] =>
      measured(new metrics.R2Score({ multioutput }), rows(outputs), rows(targets));
    expect(of("variance_weighted")).toBeCloseTo(0.9382566585, 9);
    // 1 − 1.25/36.1667 and 1 − 3/32.6667.
    const each = [1 - 1.25 / (0.25 + 1 + 49 - 6.5 ** 2 / 3), 1 - 3 / (38 - 16 / 3)];
    const raw = of("raw_values") as number[];
    raw.forEach((v, i) => {
      expect(v).toBeCloseTo(each[i]!, 12);
    });
    expect(of("uniform_average")).toBeCloseTo((each[0]! + each[1]!) / 2, 12);
  });

  test("is 1 or 0 for constant targets, below 0 for worse than the mean", () => {
    expect(measured(new metrics.R2Score(), floats(2, 2), floats(2, 2))).toBe(1);
    expect(measured(new metrics.R2Score(), floats(2, 3), floats(2, 2))).toBe(0);
    expect(measured(new metrics.R2Score(), floats(3, 2, 1), floats(1, 2, 3))).toBe(-3);
    expect(measured(new metrics.R2Score(), floats(1), floats(1))).toBeNaN();
  });

  test("keeps its digits far from 0", () => {
    const far = [0, 1, 2, 3].map((v) => v + 2 ** 20);
    const near = far.map((v, i) => v + (i % 2 === 0 ? 0.5 : -0.5));
    expect(measured(new metrics.R2Score(), floats(...near), floats(...far))).toBeCloseTo(1 - 1 / 5, 12);
  });

  test("refuses another number of outputs than before", () => {
    const metric = new metrics.R2Score();
    metric.update(rows(outputs), rows(targets));
    expect(() => metric.update(floats(1), floats(1))).toThrow("expected 2 outputs, as before");
    expect(() => new metrics.R2Score({ multioutput: "mean" as never })).toThrow('multioutput is "mean"');
  });
});

describe("MeanMetric", () => {
  test("weighs values, numbers and tensors alike", () => {
    const metric = new metrics.MeanMetric();
    expect(metric.compute()).toBeNaN();
    metric.update(2, 3);
    metric.update(6);
    expect(metric.compute()).toBe(3);
    metric.update(floats(1, 5), floats(2, 2));
    expect(metric.compute()).toBe((6 + 6 + 2 + 10) / 8);
    metric.update(rows([[4]]), 4);
    expect(metric.compute()).toBe(40 / 12);
    metric.update(Number.NaN, 0);
    expect(metric.compute()).toBe(40 / 12);
    metric.update(Number.NaN);
    expect(metric.compute()).toBeNaN();
    metric.reset();
    metric.update(1);
    expect(metric.compute()).toBe(1);
  });

  test("refuses weights that are none", () => {
    const metric = new metrics.MeanMetric();
    expect(() => metric.update(1, -1)).toThrow("weight is -1");
    expect(() => metric.update(floats(1, 2), floats(1))).toThrow("weights have shape [1]; expected [2]");
    expect(() => metric.update(floats(1, 2), floats(1, Number.NaN))).toThrow("a weight is negative or NaN");
    expect(() => metric.update("1" as never)).toThrow("value is 1");
    expect(metric.compute()).toBeNaN();
  });
});

describe("Perplexity", () => {
  test("is the number of classes for flat scores", () => {
    const flat = own(tensor(new Float32Array(24), { shape: [2, 3, 4] }));
    const targets = own(tensor(Int32Array.of(0, 1, 2, 3, 0, 1), { shape: [2, 3] }));
    expect(measured(new metrics.Perplexity(), flat, targets)).toBeCloseTo(4, 5);
  });

  test("is e to the mean of −ln p, over batches and without what is ignored", () => {
    const scores = (p: number): number[] => [Math.log(p), Math.log(1 - p)];
    const metric = new metrics.Perplexity({ ignoreIndex: -1 });
    expect(metric.compute()).toBeNaN();
    metric.update(rows([scores(0.5), scores(0.1)]), own(tensor(Int32Array.of(0, -1))));
    metric.update(rows([scores(0.25)]), own(tensor(Int32Array.of(0))));
    metric.update(rows([scores(0.9)]), own(tensor(Int32Array.of(-1))));
    // (1/0.5 · 1/0.25) ^ ½
    expect(metric.compute()).toBeCloseTo(Math.sqrt(8), 5);
    metric.reset();
    expect(metric.compute()).toBeNaN();
  });

  test("refuses targets that do not fit", () => {
    const metric = new metrics.Perplexity();
    expect(() => metric.update(rows([[1, 2]]), own(tensor(Int32Array.of(2))))).toThrow("targets hold class 2");
    expect(() => metric.update(rows([[1, 2]]), own(tensor(Int32Array.of(1, 1))))).toThrow(
      "expected [2] and the classes last",
    );
    expect(measured(metric, rows([[Number.NaN, 1]]), own(tensor(Int32Array.of(0))))).toBeNaN();
  });
});

describe("MetricCollection", () => {
  test("updates, computes and resets all by name", () => {
    const all = new metrics.MetricCollection({
      mae: new metrics.MeanAbsoluteError(),
      r2: new metrics.R2Score({ multioutput: "raw_values" }),
    });
    all.update(floats(...OUTPUTS), floats(...TARGETS));
    const { mae, r2 } = all.compute();
    const first: number = mae;
    const list: number[] = r2;
    expect([first, list.length]).toEqual([0.5, 1]);
    expect(all.metrics.mae.compute()).toBe(0.5);
    all.reset();
    expect(all.compute()).toEqual({ mae: Number.NaN, r2: [] });
    expect(() => new metrics.MetricCollection({ x: {} as never })).toThrow('"x" has no update()');
  });
});
