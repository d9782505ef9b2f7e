import { describe } from "../check.js";
import { ArgumentError, FormatError, RuntimeError } from "../errors.js";
import type { Binary } from "./probe.js";

/** Where compiled or uncompiled kernels come from. */
export type KernelSource = WebAssembly.Module | BufferSource | URL | string | Response;

/** Where a package of this library has a kernel binary. Each address is written out, so that bundlers find the files. */
export function kernelsUrl(binary: Binary): URL {
  if (binary === "simd") return new URL("../kernels.simd.wasm", import.meta.url);
  if (binary === "relaxed") return new URL("../kernels.relaxed.wasm", import.meta.url);
  return new URL("../kernels.wide.wasm", import.meta.url);
}

/** A compiled module as it is, anything else as bytes. Errors: RuntimeError if they cannot be fetched. */
export async function codeOf(op: string, source: KernelSource): Promise<WebAssembly.Module | Uint8Array<ArrayBuffer>> {
  return source instanceof WebAssembly.Module ? source : bytesFrom(op, source);
}

/** The bytes of a file. Errors: RuntimeError if it cannot be fetched. */
export async function bytesFrom(
  op: string,
  source: BufferSource | URL | string | Response,
): Promise<Uint8Array<ArrayBuffer>> {
  if (source instanceof URL || typeof source === "string") return bytesFrom(op, await fetch(source));
  if (typeof Response === "function" && source instanceof Response) {
    if (!source.ok) throw new RuntimeError(op, `fetching ${source.url} gave status ${source.status}; expected 200`);
    return new Uint8Array(await source.arrayBuffer());
  }
  return bytesOfSource(op, source as BufferSource);
}

/** The same bytes, not copied. Errors: ArgumentError for what has no bytes. */
export function bytesOfSource(op: string, bytes: BufferSource): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(bytes)) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  throw new ArgumentError(op, `the source is ${describe(bytes)}; expected bytes, a URL or a Response`);
}

/** The section of a kernel binary that tells what it is; scripts/asc.js writes it. */
const IDENTITY = "quadlane";

/** A binary, and what all of one version of the kernels have in common, and no other has. Errors: FormatError if the module does not say. */
export function identityOf(
  op: string,
  module: WebAssembly.Module,
): { readonly binary: string; readonly version: string } {
  const [section] = WebAssembly.Module.customSections(module, IDENTITY);
  const [binary, version] = section === undefined ? [] : new TextDecoder().decode(section).split(" ");
  if (binary === undefined || version === undefined) {
    throw new FormatError(op, `the kernels have no section "${IDENTITY}"; expected a kernel binary of this library`);
  }
  return { binary, version };
}
