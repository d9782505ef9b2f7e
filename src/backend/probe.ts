// Smallest modules that use one instruction of a proposal: the engine validates them, or it lacks the proposal.

/** (func (result v128) (i8x16.splat (i32.const 0))) */
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];

/** (func (result v128) (f32x4.relaxed_madd …)) of three such splats */
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65,
  0, 253, 15, 253, 133, 2, 11,
];

/** The kernel binaries that are shipped. `relaxed` uses fused multiply-add; `wide` does too, in tiles that suit 256-bit vectors. */
export type Binary = "simd" | "relaxed" | "wide";

function validates(bytes: number[]): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array(bytes));
}

/** The kernel binary that this engine can run as it is, and why not a better one. */
export function probe(): { binary: Exclude<Binary, "wide"> | null; why: string } {
  if (typeof WebAssembly !== "object") return { binary: null, why: "this platform has no WebAssembly" };
  if (!validates(SIMD)) return { binary: null, why: "this engine lacks WebAssembly SIMD" };
  if (!validates(RELAXED)) return { binary: "simd", why: "this engine lacks relaxed SIMD" };
  return { binary: "relaxed", why: "this engine has relaxed SIMD" };
}
