// Cases of kind `module` and `functional`: a call, its results, and the gradients behind it.
import { backward, Tensor } from "quadlane";
import { type Builder, toGolden } from "./build.js";
import type { FunctionalCase, ModuleCase, Names } from "./cases.js";
import { compareTensors, type Finding } from "./compare.js";

export function runModule(c: ModuleCase, builder: Builder): Finding[] {
  const module = builder.module(c.spec);
  if (c.state !== null) module.loadStateDict(builder.stateDict(c.state));
  module.train(c.training);
  const result = module.forward(...c.inputs.map((input) => builder.operand(input)));
  const findings = compareOutputs(c, result, builder);
  const state = module.stateDict();
  for (const [key, name] of c.stateAfter) {
    findings.push(...compareOne(`stateAfter ${key}`, state.get(key), name, c.values, builder));
  }
  findings.push(...compareGradients(c, result, builder));
  for (const [key, name] of c.gradState) {
    findings.push(...compareOne(`gradState ${key}`, state.get(key)?.grad, name, c.gradients, builder));
  }
  return findings;
}

export function runFunctional(c: FunctionalCase, builder: Builder): Finding[] {
  const result = builder.call(c.function, c.inputs, c.options);
  return [...compareOutputs(c, result, builder), ...compareGradients(c, result, builder)];
}

function compareOutputs(c: ModuleCase | FunctionalCase, result: unknown, builder: Builder): Finding[] {
  const findings: Finding[] = [];
  const walk = (what: string, got: unknown, want: Names): void => {
    if (want === null) return;
    if (typeof want === "string") findings.push(...compareOne(what, got, want, c.values, builder));
    else if (!Array.isArray(got) || got.length !== want.length) {
      findings.push({ what, text: `is ${kindOf(got)}; expected an array of ${want.length}` });
    } else for (const [i, name] of want.entries()) walk(`${what}[${i}]`, got[i], name);
  };
  walk("outputs", result, c.outputs);
  return findings;
}

/** Runs backward from every output that has a gradient, and compares the gradients of the inputs. */
function compareGradients(c: ModuleCase | FunctionalCase, result: unknown, builder: Builder): Finding[] {
  const roots: [output: Tensor, gradient: Tensor][] = [];
  const walk = (got: unknown, names: Names): void => {
    if (typeof names === "string") {
      // A result that no gradient leads back from is no error in itself: expected gradients will be missing.
      if (got instanceof Tensor && got.requiresGrad) roots.push([got, builder.tensor(names)]);
    } else for (const [i, name] of (names ?? []).entries()) walk(Array.isArray(got) ? got[i] : undefined, name);
  };
  walk(result, c.gradOutputs);
  roots.forEach(([output, gradient], i) => {
    backward(output, gradient, { retainGraph: i < roots.length - 1 });
  });
  return Array.from(c.gradInputs).flatMap(([input, name]) =>
    compareOne(`gradInputs ${input}`, builder.input(input).grad, name, c.gradients, builder),
  );
}

function compareOne(
  what: string,
  got: unknown,
  want: string,
  tolerance: ModuleCase["values"],
  builder: Builder,
): Finding[] {
  if (!(got instanceof Tensor)) return [{ what, text: `is ${kindOf(got)}; expected a tensor` }];
  const finding = compareTensors(what, toGolden(got), builder.golden(want), tolerance);
  return finding === null ? [] : [finding];
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "missing";
  if (value instanceof Tensor) return "a tensor";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return `a ${typeof value}`;
}
