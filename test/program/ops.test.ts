import { expect, test } from "vitest";
import { compile, type DataArray, memory, QuadlaneError, RuntimeError, type Session, scope } from "../../src/node.js";
import { Program } from "../../src/program/index.node.js";
import { eager, expectNear, inputsOf, moduleOf, sampleCases } from "../support/graph-samples.js";

test.each(await sampleCases())("the program of $name does what its session does", ({ row, sample }) => {
  const model = moduleOf(row, sample).eval();
  const [inputs, others] = inputsOf(row, sample);
  let session: Session;
  try {
    session = compile(model, inputs);
  } catch (error) {
    expect(error).toBeInstanceOf(RuntimeError);
    expect(String(error)).toContain("random numbers");
    return;
  }
  const named = <T>(values: readonly T[]): Record<string, T> =>
    Object.fromEntries(values.map((value, i) => [session.inputNames[i]!, value]));
  const expected = (feeds: Record<string, DataArray>): Record<string, DataArray> =>
    scope(() => Object.fromEntries(Object.entries(session.run(feeds)).map(([name, t]) => [name, t.data()])));
  // Forms of the weights are kept from the second use on.
  session.toProgram(named(inputs));
  const live = memory().liveBytes;
  const file = session.toProgram(named(inputs));
  expect(memory().liveBytes).toBe(live);
  const program = Program.loadSync(file);
  const feeds = named(inputs.map((t) => t.data()));
  // Nothing of a run is left to the next one.
  for (let i = 0; i < 2; i++) expect(program.run(feeds)).toEqual(expected(feeds));
  const own = eager(model, inputs);
  expectNear(expected(feeds), Object.fromEntries(session.outputNames.map((name, i) => [name, own[i]!])));
  const changed = named(others.map((t) => t.data()));
  let got: Record<string, DataArray>;
  try {
    got = program.run(changed);
  } catch (error) {
    expect(String(error)).toMatch(/RuntimeError: run: the inputs lead another way/);
    return;
  }
  try {
    expect(got).toEqual(expected(changed));
  } catch (error) {
    // A session refuses more: it looks at the values again.
    if (!(error instanceof QuadlaneError)) throw error;
  }
});
