import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadSafetensors, models, nn, StateDictError } from "../src/node.js";
import { uniform } from "./conformance/formula.js";
import { expectNoLeaks, own } from "./support/loading.js";

expectNoLeaks();

const folder = mkdtempSync(join(tmpdir(), "quadlane-models-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Shapes = Map<string, readonly number[]>;

/** A file as torchvision's checkpoints come: float32 values made from the keys, counts of batches as int64. Returns its tensors. */
function checkpoint(shapes: Shapes): ReturnType<typeof loadSafetensors>["tensors"] {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [key, shape] of shapes) {
    const n = shape.reduce((p, s) => p * s, 1);
    const u = uniform(key);
    const counts = key.endsWith("num_batches_tracked");
    const data = counts ? BigInt64Array.of(17n) : Float32Array.from({ length: n }, (_, i) => u(i));
    header[key] = { dtype: counts ? "I64" : "F32", shape, data_offsets: [at, at + data.byteLength] };
    parts.push(new Uint8Array(data.buffer));
    at += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer);
  const file = join(folder, "model.safetensors");
  writeFileSync(file, Buffer.concat([length, json, ...parts]));
  const { tensors } = loadSafetensors(file);
  for (const t of tensors.values()) own(t);
  return tensors;
}

const shapesOf = (model: nn.Module): Shapes => new Map([...model.stateDict()].map(([key, t]) => [key, t.shape]));
const valuesOf = (model: nn.Module): Map<string, number[]> =>
  new Map([...model.stateDict()].map(([key, t]) => [key, [...t.data()]]));

describe("a file in torchvision's format", () => {
  test("loads strictly into the model of that name", () => {
    const model = models.create("shufflenet_v2_x0_5");
    model.loadStateDict(checkpoint(shapesOf(model)));
    for (const [key, t] of model.stateDict()) {
      const u = uniform(key);
      const last = t.numel - 1;
      const wanted = key.endsWith("num_batches_tracked") ? [17, 17] : [Math.fround(u(0)), Math.fround(u(last))];
      expect([t.data()[0], t.data()[last]], key).toEqual(wanted);
    }
    model.dispose();
  });

  test("with missing, unknown and misshapen keys is refused with all of them, and the model is unchanged", () => {
    const model = models.create("resnet18", { layers: [1, 1, 1, 1], widthMult: 1 / 16, numClasses: 3 });
    const before = valuesOf(model);
    const shapes = shapesOf(model);
    shapes.delete("layer1.0.bn1.running_mean");
    shapes.delete("layer2.0.downsample.0.weight");
    shapes.set("layer5.0.conv1.weight", [4, 4, 3, 3]);
    shapes.set("fc.weight", [1000, 32]);
    shapes.set("conv1.weight", [4, 3, 3, 3]);
    let thrown: unknown;
    try {
      model.loadStateDict(checkpoint(shapes));
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof StateDictError)) throw thrown;
    expect(thrown.missing).toEqual(["layer1.0.bn1.running_mean", "layer2.0.downsample.0.weight"]);
    expect(thrown.unexpected).toEqual(["layer5.0.conv1.weight"]);
    expect(thrown.mismatched).toEqual([
      "conv1.weight is float32 [4, 3, 3, 3], expected float32 [4, 3, 7, 7]",
      "fc.weight is float32 [1000, 32], expected float32 [3, 32]",
    ]);
    for (const key of ["layer1.0.bn1.running_mean", "layer5.0.conv1.weight", "[4, 3, 7, 7]", "[3, 32]"]) {
      expect(thrown.message).toContain(key);
    }
    expect(valuesOf(model)).toEqual(before);
    model.dispose();
  });
});

describe("a named sequence", () => {
  test("has its names as keys, and finds its modules by them", () => {
    const layers = new nn.NamedSequential({ in: new nn.Linear(2, 3), act: new nn.ReLU() });
    layers.append(new nn.Linear(3, 1), "out");
    expect([...layers.stateDict().keys()]).toEqual(["in.weight", "in.bias", "out.weight", "out.bias"]);
    expect(layers.get("out")).toBe(layers.at(2));
    expect(layers.get("none")).toBeUndefined();
    const copy = layers.clone();
    expect([...copy.stateDict().keys()]).toEqual([...layers.stateDict().keys()]);
    for (const m of [layers, copy]) m.dispose();
  });

  test("refuses names that are taken, empty or dotted, and options", () => {
    const layers = new nn.NamedSequential({ a: new nn.ReLU() });
    for (const name of ["a", "", "a.b"]) expect(() => layers.append(new nn.ReLU(), name)).toThrow(`name is "${name}"`);
    expect(layers.length).toBe(1);
    expect(() => Reflect.construct(nn.NamedSequential, [{}, { inplace: true }])).toThrow(
      "NamedSequential: unknown option",
    );
  });
});
