// The files that are damaged, and who reads them.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { compile, loadNpz, loadShardedSafetensors, nn, numpy, onnx, pytorch, safetensors, tensor } from "quadlane";
import { Program } from "quadlane/program";
import { crc32, writeZip } from "../../src/io/zip.js";
import { sealed } from "../../src/program/format.js";
import { pytorchFile } from "../support/pytorch-file.js";

/** Reads a file and frees what came of it. */
export type Reader = (bytes: Uint8Array) => void | Promise<void>;

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly read: Reader;
}

interface Disposable {
  dispose(): void;
}

function free(tensors: ReadonlyMap<string, Disposable>): void {
  for (const t of tensors.values()) t.dispose();
}

/** ONNX files above this size are left out: their cases would take most of the time. */
const MOST_ONNX_BYTES = 32_000;

/** All seeds. `onnxFolders` hold ONNX models, at any depth. */
export function seeds(onnxFolders: readonly string[]): Seed[] {
  const x = tensor([
    [1.5, -2, 3],
    [0, 1, -1],
  ]);
  const ids = tensor([1, 2, 3], { dtype: "int32" });
  const flags = tensor([true, false]);
  const layer = new nn.Linear(3, 2).eval();
  const session = compile(layer, x);
  const program = session.toProgram({ input: x });
  const npy = numpy.serializeNpy(x);
  const readNpy: Reader = (bytes) => numpy.parseNpy(bytes).dispose();
  const readSafetensors: Reader = (bytes) => free(safetensors.parse(bytes).tensors);
  const inFile = fileReader();
  const all: Seed[] = [
    { name: "safetensors", bytes: safetensors.serialize({ x, ids, flags }, { by: "test" }), read: readSafetensors },
    {
      name: "safetensors/half",
      bytes: safetensors.serialize({ x, ids }, {}, { floats: "F16" }),
      read: readSafetensors,
    },
    {
      name: "safetensors/index",
      bytes: new TextEncoder().encode(INDEX),
      read: inFile("a.json", (path) => free(loadShardedSafetensors(path))),
    },
    { name: "npy", bytes: npy, read: readNpy },
    { name: "npz", bytes: numpy.serializeNpz({ x, ids }), read: inFile("a.npz", (path) => free(loadNpz(path))) },
    { name: "npz/compressed", bytes: compressed(npy), read: inFile("b.npz", (path) => free(loadNpz(path))) },
    { name: "npz/stream", bytes: compressed(npy), read: async (bytes) => free(await numpy.parseNpz(bytes)) },
    { name: "pt", bytes: pytorchFile(), read: (bytes) => free(pytorch.parse(bytes)) },
    { name: "pt/key", bytes: pytorchFile(), read: (bytes) => free(pytorch.parse(bytes, { key: "model" })) },
    { name: "program", bytes: program, read: (bytes) => void Program.loadSync(Uint8Array.from(bytes)) },
    // Whoever damages a file on purpose also sets its checksum.
    { name: "program/sealed", bytes: program, read: (bytes) => void Program.loadSync(sealed(Uint8Array.from(bytes))) },
    ...onnxFolders
      .flatMap(modelsBelow)
      .map((path) => ({ name: `onnx ${path}`, bytes: new Uint8Array(readFileSync(path)), read: readOnnx })),
  ];
  free(new Map<string, Disposable>(Object.entries({ x, ids, flags, layer, session })));
  return all;
}

function readOnnx(bytes: Uint8Array): void {
  const model = onnx.load(bytes);
  free(model.stateDict());
  for (const buffer of model.buffers()) buffer.dispose();
}

const INDEX = JSON.stringify({
  metadata: { total_size: 36 },
  weight_map: { x: "a-00001-of-00002.safetensors", ids: "b.safetensors" },
});

/** Reads from a file of that name in a folder that goes with the process. */
function fileReader(): (name: string, read: (path: string) => void) => Reader {
  const folder = mkdtempSync(join(tmpdir(), "quadlane-fuzz-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return (name, read) => (bytes) => {
    writeFileSync(join(folder, name), bytes);
    read(join(folder, name));
  };
}

/** An archive of one compressed array. */
function compressed(npy: Uint8Array): Uint8Array {
  const packed = new Uint8Array(deflateRawSync(npy));
  const bytes = writeZip(new Map([["x.npy", packed]]));
  const view = new DataView(bytes.buffer);
  for (const [head, skip] of [
    [0, 8],
    [30 + 5 + packed.length, 10],
  ] as const) {
    view.setUint16(head + skip, 8, true);
    view.setUint32(head + skip + 6, crc32(npy), true);
    view.setUint32(head + skip + 14, npy.length, true);
  }
  return bytes;
}

function modelsBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".onnx"))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).size <= MOST_ONNX_BYTES);
}
