// Cases of kind `optimizer` and `scheduler`.
import { functional as F, nn, optim, type Tensor, tensor } from "quadlane";
import { type Builder, toGolden } from "./build.js";
import { CaseError, type Json, type JsonObject, type Names, type OptimizerCase, type SchedulerCase } from "./cases.js";
import { compareNumbers, compareTensors, type Finding } from "./compare.js";

export function runOptimizer(c: OptimizerCase, builder: Builder): Finding[] {
  const params = c.params.map((name) => builder.parameter(name));
  const optimizer = makeOptimizer(c.optimizer, params, c.options, builder);
  if (c.closure !== null) return minimize(c.closure, params, optimizer);
  for (const [s, grads] of c.grads.entries()) {
    const lr = c.lrs?.[s];
    if (lr !== undefined) for (const group of optimizer.paramGroups) group.lr = lr;
    params.forEach((p, i) => {
      const name = oneName(grads[i]);
      p.grad = name === null ? null : builder.tensor(name);
    });
    optimizer.step();
    const findings = params.flatMap((p, i) => {
      const name = oneName(c.expected[s]?.[i]);
      if (name === null) return [];
      return compareTensors(`parameter ${i} after step ${s}`, toGolden(p), builder.golden(name), c.values) ?? [];
    });
    // Later steps start from these values: what they differ by says nothing new.
    if (findings.length > 0) return findings;
  }
  return [];
}

export function runScheduler(c: SchedulerCase, builder: Builder): Finding[] {
  const parameter = builder.own(new nn.Parameter(tensor([0])));
  const optimizer = makeOptimizer("SGD", [parameter], { lr: c.initialLr, ...c.optimizerOptions }, builder);
  const scheduler = builder.construct("optim.lrScheduler", c.scheduler, c.args, c.options, [optimizer]);
  if (!hasStep(scheduler)) throw new CaseError(`optim.lrScheduler.${c.scheduler} has no step()`);
  const rates = [optimizer.paramGroups[0]!.lr];
  for (let s = 0; s < c.expected.length - 1; s++) {
    if (c.metrics === null) scheduler.step();
    else scheduler.step(c.metrics[s]);
    rates.push(optimizer.paramGroups[0]!.lr);
  }
  return [compareNumbers("learning rate", rates, c.expected, c.values) ?? []].flat();
}

/** `new optim[name](parameters, options)`. */
export function makeOptimizer(
  name: string,
  parameters: readonly nn.Parameter[],
  options: JsonObject | null,
  builder: Builder,
): optim.Optimizer {
  const made = builder.construct("optim", name, [], options, [parameters]);
  if (!(made instanceof optim.Optimizer)) throw new CaseError(`optim.${name} is no optimizer`);
  return made;
}

/** Steps with a closure; only the loss at the end counts. */
function minimize(
  closure: NonNullable<OptimizerCase["closure"]>,
  params: readonly nn.Parameter[],
  optimizer: optim.Optimizer,
): Finding[] {
  const x = params[0];
  if (closure.function !== "rosenbrock" || x === undefined) {
    throw new CaseError(`closure function is "${closure.function}"; expected rosenbrock`);
  }
  for (let s = 0; s < closure.steps; s++) {
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = rosenbrock(x);
      loss.backward();
      return loss;
    });
  }
  const [a = NaN, b = NaN] = x.data();
  const loss = 100 * (b - a * a) ** 2 + (1 - a) ** 2;
  if (loss <= closure.expectedLoss) return [];
  return [{ what: "loss", text: `is ${loss} after ${closure.steps} steps; expected at most ${closure.expectedLoss}` }];
}

function rosenbrock(x: Tensor): Tensor {
  const a = x.select(0, 0);
  const b = x.select(0, 1);
  const valley = b.sub(a.mul(a));
  const slope = F.sub(1, a);
  return valley.mul(valley).mul(100).add(slope.mul(slope));
}

function oneName(name: Names | undefined): string | null {
  return typeof name === "string" ? name : null;
}

function hasStep(value: unknown): value is { step(metric?: Json): void } {
  return typeof value === "object" && value !== null && "step" in value && typeof value.step === "function";
}
