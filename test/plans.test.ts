import { afterEach, describe, expect, test } from "vitest";
import { nn, noGrad, scope, setBackend, tensor } from "../src/node.js";
import { Plans } from "../src/runtime/plans.js";

afterEach(() => {
  setBackend("wasm");
});

/** Plans that tell what they were made of, and how many were made. */
function counting(): { plans: Plans<object, string>; made: () => number } {
  let made = 0;
  const plans = new Plans<object, string>((_, first, second) => {
    if (first[0] === 0) throw new RangeError("no such shape");
    return `${first.join("x")} ${second.join("x")} #${++made}`;
  });
  return { plans, made: () => made };
}

describe("plans", () => {
  test("are made once for equal shapes and one attributes object", () => {
    const { plans } = counting();
    const attrs = {};
    expect(plans.of(attrs, [1, 2], [3])).toBe("1x2 3 #1");
    expect(plans.of(attrs, [1, 2], [3])).toBe("1x2 3 #1");
    expect(plans.of(attrs, [1, 2])).toBe("1x2  #2");
    expect(plans.of(attrs, [1, 2, 3], [3])).toBe("1x2x3 3 #3");
    expect(plans.of({}, [1, 2], [3])).toBe("1x2 3 #4");
  });

  test("are bounded: many shapes push out the oldest", () => {
    const { plans, made } = counting();
    const attrs = {};
    for (let n = 1; n <= 5; n++) plans.of(attrs, [n]);
    plans.of(attrs, [5]);
    expect(made()).toBe(5);
    plans.of(attrs, [1]);
    expect(made()).toBe(6);
  });

  test("that cannot be made are not kept", () => {
    const { plans } = counting();
    const attrs = {};
    expect(() => plans.of(attrs, [0])).toThrow(RangeError);
    expect(() => plans.of(attrs, [0])).toThrow(RangeError);
    expect(plans.of(attrs, [1])).toBe("1  #1");
  });
});

test("a convolution that has run on one back end runs on the other, at several shapes in turn", () => {
  const layer = new nn.Conv2d(8, 8, 3, { padding: 1 });
  const run = (size: number): Float32Array =>
    scope(() => {
      const values = Float32Array.from({ length: 8 * size * size }, (_, i) => Math.sin(i));
      const x = tensor(values, { shape: [1, 8, size, size] });
      return noGrad(() => layer.forward(x).data() as Float32Array);
    });
  const sizes = [5, 6, 7, 8, 9, 10, 5];
  const outputs = sizes.map(run);
  setBackend("js");
  for (const [i, size] of sizes.entries()) {
    const other = run(size);
    expect(other.length).toBe(8 * size * size);
    for (const [k, v] of other.entries()) expect(v).toBeCloseTo(outputs[i]![k]!, 4);
  }
  setBackend("wasm");
  expect(sizes.map(run)).toEqual(outputs);
  layer.dispose();
});
