// ONNX Runtime as the judge of files: it is no dependency of the project, but of the benchmarks that compare with it.
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { onnx, Tensor } from "../../src/node.js";

/** As far as it is used. */
interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayLike<number | bigint | boolean>;
}

interface OrtSession {
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

interface Ort {
  readonly InferenceSession: { create(bytes: Uint8Array, options: object): Promise<OrtSession> };
  readonly Tensor: new (type: string, data: ArrayBufferView | readonly unknown[], dims: readonly number[]) => OrtTensor;
}

const peers = new URL("../../../../bench/peers/node_modules/", import.meta.url);

/** The native version, or null where it is not installed. */
export async function loadRuntime(): Promise<Runtime | null> {
  const file = fileURLToPath(new URL("onnxruntime-node/dist/index.js", peers));
  if (!existsSync(file)) return null;
  const loaded = (await import(pathToFileURL(file).href)) as { default: Ort };
  return new Runtime(loaded.default);
}

/** A result: how the library would hold it. */
export interface Plain {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32" | "bool";
  readonly data: ArrayLike<number>;
}

const INTEGERS: Readonly<Record<string, (values: ArrayLike<number>) => ArrayBufferView>> = {
  int64: (v) => BigInt64Array.from(Array.from(v, BigInt)),
  uint64: (v) => BigUint64Array.from(Array.from(v, BigInt)),
  int32: (v) => Int32Array.from(v),
  uint32: (v) => Uint32Array.from(v),
  int16: (v) => Int16Array.from(v),
  uint16: (v) => Uint16Array.from(v),
  int8: (v) => Int8Array.from(v),
  uint8: (v) => Uint8Array.from(v),
  bool: (v) => Uint8Array.from(v),
  float32: (v) => Float32Array.from(v),
  float64: (v) => Float64Array.from(v),
};

export class Runtime {
  constructor(private readonly ort: Ort) {}

  /** What a file gives for some inputs, in order, of the types that the file declares; outputs in the file's order. */
  async run(bytes: Uint8Array, model: onnx.OnnxModel, inputs: readonly Tensor[]): Promise<readonly Plain[]> {
    const session = await this.ort.InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    try {
      const feeds = model.inputs.map(({ name, elem }, i): [string, OrtTensor] => {
        const typed = INTEGERS[elem];
        if (typed === undefined) throw new Error(`input "${name}" is ${elem}; expected a type that JavaScript has`);
        return [name, new this.ort.Tensor(elem, typed(inputs[i]!.data()), inputs[i]!.shape)];
      });
      const results = await session.run(Object.fromEntries(feeds));
      return model.outputs.map(({ name }) => plain(results[name]!));
    } finally {
      await session.release();
    }
  }
}

function plain({ type, dims, data }: OrtTensor): Plain {
  const real = type.startsWith("float");
  return { shape: dims, dtype: real ? "float32" : type === "bool" ? "bool" : "int32", data: Array.from(data, Number) };
}
