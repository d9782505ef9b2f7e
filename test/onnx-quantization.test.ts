import { describe, expect, test } from "vitest";
import { functional as F, setBackend, type Tensor, tensor } from "../src/node.js";
import { convolutions } from "../src/onnx/ops/conv.js";
import { quantization } from "../src/onnx/ops/quantize.js";
import { expectClose } from "./support/compare.js";
import { Nd } from "./support/nd.js";
import { gradientError, ints, runArgs, runNode, sample, typed } from "./support/onnx.js";

function check(got: Tensor, want: Tensor, atol = 1e-5): void {
  expectClose("result", got, new Nd(want.shape, want.data()), { rtol: 1e-5, atol });
}

const floats = (...values: number[]): Tensor => tensor(Float32Array.from(values));
const scalar = (value: number): Tensor => tensor(value);

/** Integers in the range of a type, from a fixed sample. */
function integers(name: string, low: number, high: number, ...shape: readonly number[]): Tensor {
  const unit = sample(name, ...shape);
  return F.round(unit.mul((high - low) / 2).add((high + low) / 2)).int();
}

describe.each(["js", "wasm"] as const)("ONNX quantisation on %s", (backend) => {
  test.each([
    ["one scale", [0.5], [3], {}, (v: number) => (v - 3) * 0.5],
    [
      "one for each row",
      [0.5, 2],
      [3, -1],
      { axis: 0 },
      (v: number, i: number) => (i < 4 ? (v - 3) * 0.5 : (v + 1) * 2),
    ],
    ["one for each column", [1, 2, 3, 4], null, { axis: -1 }, (v: number, i: number) => v * ((i % 4) + 1)],
  ] as const)("makes reals of integers: %s", (_, scale, zero, attributes, want) => {
    setBackend(backend);
    const values = [-128, 127, 0, 5, 1, 2, -3, 4];
    const inputs = [
      typed("int8", values, 2, 4),
      scale.length === 1 ? scalar(scale[0]!) : floats(...scale),
      zero === null ? null : zero.length === 1 ? typed("int8", zero).tensor.reshape([]) : typed("int8", zero),
    ];
    const [y] = runArgs(quantization, "DequantizeLinear", inputs, attributes, { opset: 21 });
    expect(y!.elem).toBe("float32");
    expect(Array.from(y!.tensor.data())).toEqual(values.map(want));
  });

  test("makes reals of blocks, the last of which may be smaller", () => {
    setBackend(backend);
    const scale = tensor([[1, 10, 100]]);
    const inputs = [typed("uint8", [1, 2, 3, 4, 5], 1, 5), scale, typed("uint8", [0, 1, 2], 1, 3)];
    const [y] = runNode(quantization, "DequantizeLinear", inputs, { block_size: 2 }, { opset: 21 });
    expect(y!.tolist()).toEqual([[1, 2, 20, 30, 300]]);
  });

  test("rounds ties to even and stays within the type", () => {
    setBackend(backend);
    const x = floats(0.5, 1.5, 2.5, -0.5, 300, -300);
    const [narrow] = runArgs(quantization, "QuantizeLinear", [x, scalar(1), typed("int8", [0])], {});
    expect(narrow!.elem).toBe("int8");
    expect(Array.from(narrow!.tensor.data())).toEqual([0, 2, 2, 0, 127, -128]);
    const [byDefault] = runArgs(quantization, "QuantizeLinear", [x, scalar(0.5)], {});
    expect(byDefault!.elem).toBe("uint8");
    expect(Array.from(byDefault!.tensor.data())).toEqual([1, 3, 5, 0, 255, 0]);
  });

  test("finds a range by itself", () => {
    setBackend(backend);
    const x = floats(0, 2, -3, -2.5, 1.34, 0.5);
    const [y, scale, zero] = runArgs(quantization, "DynamicQuantizeLinear", [x], {}, { outputs: 3 });
    expect(Array.from(y!.tensor.data())).toEqual([153, 255, 0, 26, 221, 179]);
    expect(scale!.tensor.item()).toBeCloseTo(5 / 255, 6);
    expect([zero!.tensor.item(), zero!.elem]).toEqual([153, "uint8"]);
  });

  test("multiplies and convolves integers", () => {
    setBackend(backend);
    const [a, b] = [integers("a", 0, 255, 3, 4), integers("b", -128, 127, 4, 5)];
    const [y] = runArgs(quantization, "MatMulInteger", [a, b, ints([12]), ints([1, 2, 3, 4, 5])], {});
    const real = F.matmul(a.float().sub(12), b.float().sub(floats(1, 2, 3, 4, 5)));
    expect(y!.elem).toBe("int32");
    check(y!.tensor, real.int(), 0);
    const [x, w] = [integers("x", 0, 255, 1, 3, 6, 6), integers("w", 0, 255, 2, 3, 3, 3)];
    const [conv] = runArgs(quantization, "ConvInteger", [x, w, ints([3]), ints([100, 50])], { pads: [1, 1, 0, 0] });
    const weight = w.float().sub(tensor([100, 50], { shape: [2, 1, 1, 1] }));
    const [want] = runNode(convolutions, "Conv", [x.float().sub(3), weight], { pads: [1, 1, 0, 0] });
    check(conv!.tensor, F.round(want!).int(), 0);
  });

  test("runs quantised layers as the real ones, to a step", () => {
    setBackend(backend);
    const [x, w] = [integers("x", 0, 255, 1, 3, 6, 6), integers("w", -127, 127, 2, 3, 3, 3)];
    const quant = [
      { tensor: x, elem: "uint8" as const },
      scalar(0.02),
      typed("uint8", [128]),
      { tensor: w, elem: "int8" as const },
      floats(0.01, 0.03),
      typed("int8", [0, 0]),
      scalar(0.2),
      typed("uint8", [100]),
      ints([500, -700]),
    ];
    const [y] = runArgs(quantization, "QLinearConv", quant, { kernel_shape: [3, 3] });
    expect(y!.elem).toBe("uint8");
    const weight = w.float().mul(tensor([0.01, 0.03], { shape: [2, 1, 1, 1] }));
    const real = F.conv2d(x.float().sub(128).mul(0.02), weight, floats(500 * 0.02 * 0.01, -700 * 0.02 * 0.03));
    check(y!.tensor, F.round(real.mul(5)).add(100).clamp(0, 255), 1);
    const [a, b] = [integers("a", 0, 255, 3, 4), integers("b", 0, 255, 4, 5)];
    const product = [
      a,
      scalar(0.01),
      typed("uint8", [120]),
      b,
      scalar(0.02),
      typed("uint8", [130]),
      scalar(0.05),
      typed("int8", [-3]),
    ];
    const [z] = runArgs(quantization, "QLinearMatMul", product, {});
    expect(z!.elem).toBe("int8");
    const exact = F.matmul(a.float().sub(120).mul(0.01), b.float().sub(130).mul(0.02));
    check(z!.tensor, F.round(exact.mul(20)).sub(3).clamp(-128, 127), 1);
  });

  test("passes gradients to what the reals are used with", () => {
    setBackend(backend);
    const w = typed("int8", Array.from(integers("w", -127, 127, 24).data()), 4, 6);
    const layer = (x: Tensor): Tensor => {
      const [weight] = runNode(quantization, "DequantizeLinear", [w, scalar(0.01)], {}, { opset: 13 });
      return F.linear(x, weight!);
    };
    expect(gradientError(layer, [sample("x", 3, 6)])).toBeLessThan(1e-3);
  });

  test("refuses scales that do not fit", () => {
    const run = () => runNode(quantization, "DequantizeLinear", [typed("int8", [1, 2, 3], 1, 3), floats(1, 2)]);
    expect(run).toThrow("scale or zero point is [2]; expected one or [3], as axis 1");
  });
});
