import { describe, expect, test } from "vitest";
import { data, functional as F, manualSeed, nn, optim, scope, tensor, train } from "../src/node.js";
import { expectNoLeaks, line, own, valuesOf } from "./support/trainer.js";

const { freeze, parameterGroups, replaceModule, unfreeze } = nn.utils;
expectNoLeaks();

class Net extends nn.Module {
  readonly body = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3), new nn.ReLU());
  head: nn.Module = new nn.Linear(3, 1);
  readonly parts = new nn.ModuleDict({ a: new nn.Linear(1, 1) });
  forward(x: Parameters<nn.Linear["forward"]>[0]) {
    return this.head.forward(this.body.forward(x));
  }
}

function net(): Net {
  manualSeed(1);
  return own(new Net());
}

const trained = (model: nn.Module): string[] =>
  [...model.namedParameters()].filter(([, p]) => p.requiresGrad).map(([name]) => name);

describe("freeze", () => {
  test("takes a module's name, a star and a regular expression, and returns the names", () => {
    const model = net();
    expect(freeze(model, "body.0")).toEqual(["body.0.weight", "body.0.bias"]);
    expect(freeze(model, "*.bias")).toEqual(["body.0.bias", "body.1.bias", "head.bias", "parts.a.bias"]);
    expect(freeze(model, /^head\.w/g)).toEqual(["head.weight"]);
    expect(trained(model)).toEqual(["body.1.weight", "parts.a.weight"]);
    expect(unfreeze(model, "*")).toHaveLength(8);
    expect(trained(model)).toHaveLength(8);
  });

  test("takes text as it is, but for stars", () => {
    const model = net();
    expect(() => freeze(model, "bod.")).toThrow("no parameter matches bod.; expected one of body.0.weight");
    expect(() => freeze(model, "ody")).toThrow("no parameter matches ody");
    expect(() => unfreeze(model, /nothing/)).toThrow("no parameter matches /nothing/");
    expect(() => freeze(model, 3 as never)).toThrow("pattern is 3");
    expect(() => freeze(model, "*", { eval: true } as never)).toThrow('unknown option "eval"');
    expect(trained(model)).toHaveLength(8);
  });

  test("keeps normalisations whose parameters are all frozen in evaluation mode, until they are not", () => {
    const model = net();
    const norm = model.body.at(1)!;
    freeze(model, "body.1.weight");
    expect(norm.training).toBe(true);
    freeze(model, "body");
    expect(model.train().training).toBe(true);
    expect(norm.training).toBe(false);
    unfreeze(model, "body.1.bias");
    expect(norm.training).toBe(true);
    freeze(model, "body", { normsInEval: false });
    expect(model.train() && norm.training).toBe(true);
  });

  test("lets a Trainer leave the frozen part as it was, statistics too", async () => {
    const model = net();
    freeze(model, "body");
    const before = valuesOf(model.body);
    const head = valuesOf(model.head);
    const optimizer = own(new optim.Adam(parameterGroups(model, [{ pattern: "head", lr: 0.1 }], {})));
    const trainer = new train.Trainer(model, { optimizer, loss: F.mseLoss });
    await trainer.fit(new data.DataLoader(line(8), { batchSize: 4 }), { epochs: 2 });
    expect(valuesOf(model.body)).toEqual(before);
    expect(valuesOf(model.head)).not.toEqual(head);
  });
});

describe("replaceModule", () => {
  test("puts a module in a property, a list or a dictionary, and returns the old one", () => {
    const model = net();
    const old = [
      replaceModule(model, "head", new nn.Linear(3, 5)),
      replaceModule(model, "body.0", new nn.Linear(4, 3)),
    ];
    old.push(replaceModule(model, "parts.a", new nn.Linear(7, 1)));
    expect(old.map((m) => (m as nn.Linear).inFeatures)).toEqual([3, 2, 1]);
    for (const m of old) own(m);
    const x = own(tensor([[1, 2, 3, 4]]));
    expect(scope(() => (model.eval().forward(x) as typeof x).shape)).toEqual([1, 5]);
    expect(model.stateDict().get("parts.a.weight")!.shape).toEqual([1, 7]);
  });

  test("refuses paths that lead nowhere", () => {
    const model = net();
    const spare = own(new nn.Linear(1, 1));
    for (const path of ["", "tail", "body.7", "head.weight"]) {
      expect(() => replaceModule(model, path, spare)).toThrow(
        `the model has no module "${path}"; expected one of body`,
      );
    }
    expect(() => replaceModule(model, "head", 3 as never)).toThrow("module is no Module");
  });
});

describe("parameterGroups", () => {
  test("puts each parameter in the first group that matches, the rest in the last, and frozen ones in none", () => {
    const model = net();
    freeze(model, "body.1");
    const names = new Map([...model.namedParameters()].map(([name, p]) => [p, name]));
    const groups = parameterGroups(
      model,
      [
        { pattern: "*.bias", lr: 1, weightDecay: 0 },
        { pattern: "body", lr: 2 },
        { pattern: "body.1", lr: 3 },
      ],
      { lr: 4 },
    );
    expect(groups.map(({ params, ...options }) => ({ ...options, names: params.map((p) => names.get(p)) }))).toEqual([
      { lr: 1, weightDecay: 0, names: ["body.0.bias", "head.bias", "parts.a.bias"] },
      { lr: 2, names: ["body.0.weight"] },
      { lr: 4, names: ["head.weight", "parts.a.weight"] },
    ]);
    expect(own(new optim.SGD(groups)).paramGroups.map((g) => g.lr)).toEqual([1, 2, 4]);
  });

  test("refuses parameters without a group, and patterns without parameters", () => {
    const model = net();
    expect(() => parameterGroups(model, [{ pattern: "body", lr: 1 }])).toThrow(
      "head.weight, head.bias, parts.a.weight, parts.a.bias match no pattern; expected defaults for them",
    );
    expect(() => parameterGroups(model, [{ pattern: "tail" }], {})).toThrow("no parameter matches tail");
    expect(() => parameterGroups(model, {} as never)).toThrow("expected a list");
    freeze(model, /^(head|parts)/);
    expect(parameterGroups(model, [{ pattern: "body", lr: 1 }])).toHaveLength(1);
  });
});
