import { describe } from "../check.js";
import { ArgumentError, FormatError, RuntimeError } from "../errors.js";
import type { Binary } from "./probe.js";

/** Where compiled or uncompiled kernels come from. */
export type KernelSource = WebAssembly.Module | BufferSource | URL | string | Response;

/** What reads files at once. */
export interface Files {
  open(file: URL): Uint8Array<ArrayBuffer>;
  /** The bytes of one of this package's kernel binaries. */
  kernels(binary: Binary): Uint8Array<ArrayBuffer>;
}

/** Null where there are no files. */
export let files: Files | null = null;

/** Entries for Node call this. */
export function setFiles(own: Files): void {
  files = own;
}

/** Where a package of this library has a kernel binary. Each address is written out, so that bundlers find the files. */
export function kernelsUrl(binary: Binary): URL {
  if (binary === "simd") return new URL("../kernels.simd.wasm", import.meta.url);
  if (binary === "relaxed") return new URL("../kernels.relaxed.wasm", import.meta.url);
  return new URL("../kernels.wide.wasm", import.meta.url);
}

/** A compiled module as it is, anything else as bytes. Errors: as `bytesFrom`. */
export async function codeOf(op: string, source: KernelSource): Promise<WebAssembly.Module | Uint8Array<ArrayBuffer>> {
  return source instanceof WebAssembly.Module ? source : bytesFrom(op, source);
}

/** The bytes of a file. Errors: RuntimeError if it cannot be fetched; ArgumentError for what has no bytes. */
export async function bytesFrom(
  op: string,
  source: BufferSource | URL | string | Response,
): Promise<Uint8Array<ArrayBuffer>> {
  if (source instanceof URL || typeof source === "string") {
    const address = String(source);
    return files !== null && address.startsWith("file:")
      ? files.open(new URL(address))
      : bytesFrom(op, await get(op, address));
  }
  if (typeof Response === "function" && source instanceof Response) {
    if (!source.ok) throw new RuntimeError(op, `fetching ${source.url} gave status ${source.status}; expected 200`);
    return new Uint8Array(await source.arrayBuffer());
  }
  return bytesOfSource(op, source as BufferSource);
}

/** The same bytes, not copied. Errors: ArgumentError for what has none. */
export function bytesOfSource(op: string, source: BufferSource): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  if (Object.prototype.toString.call(source) === "[object ArrayBuffer]") return new Uint8Array(source as ArrayBuffer);
  throw new ArgumentError(
    op,
    `the source is ${describe(source)}; expected a WebAssembly.Module, bytes, an address or a Response`,
  );
}

async function get(op: string, address: string): Promise<Response> {
  try {
    return await fetch(address);
  } catch (cause) {
    throw new RuntimeError(op, `fetching ${address} failed: ${messageOf(cause)}`);
  }
}

/** Compiles bytes. Errors: FormatError for what is no WebAssembly; RuntimeError where bytes are not compiled. */
export async function compileBytes(op: string, bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw refusal(op, bytes, cause);
  }
}

/** The same at once. */
export function compileBytesSync(op: string, bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    throw refusal(op, bytes, cause);
  }
}

function refusal(op: string, bytes: Uint8Array<ArrayBuffer>, cause: unknown): Error {
  if (!WebAssembly.validate(bytes)) return new FormatError(op, `the bytes are no WebAssembly: ${messageOf(cause)}`);
  return new RuntimeError(
    op,
    `this platform does not compile bytes (${messageOf(cause)}); import "quadlane/kernels.wasm" as a module and pass that`,
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The section of a kernel binary that tells what it is; scripts/asc.js writes it. */
const IDENTITY = "quadlane";

const BINARIES: readonly Binary[] = ["simd", "relaxed", "wide"];

/** Which binary a module is, and what all of one version of the kernels have in common, and no other has. Errors: FormatError if it does not say. */
export function identityOf(
  op: string,
  module: WebAssembly.Module,
): { readonly binary: Binary; readonly version: string } {
  const [section] = WebAssembly.Module.customSections(module, IDENTITY);
  const [name, version] = section === undefined ? [] : new TextDecoder().decode(section).split(" ");
  const binary = BINARIES.find((known) => known === name);
  if (binary === undefined || version === undefined) {
    throw new FormatError(op, `the kernels have no section "${IDENTITY}"; expected a kernel binary of this library`);
  }
  return { binary, version };
}
