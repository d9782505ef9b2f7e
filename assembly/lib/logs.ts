// Exponentials and logarithms as ordinary functions, one copy each in the binary, for tails and for where they are a small part of the work.

import { mapLong } from "./long_loops";
import { exp, log } from "./math";

@unmanaged class Log {
  @inline v(x: v128): v128 { return log(x); }
}

/** y = ln x for n elements. */
export function logs(y: usize, x: usize, n: i32): void { mapLong<Log>(y, x, n); }

function oneLog(x: v128): v128 { return log(x); }
function oneExp(x: v128): v128 { return exp(x); }

// The compiler warns of vectors in exported signatures.

/** ln x of one vector. */
@inline export function logOnce(x: v128): v128 { return oneLog(x); }

/** e^x of one vector. */
@inline export function expOnce(x: v128): v128 { return oneExp(x); }

/** ln x for one value. */
@inline export function logScalar(x: f32): f32 { return f32x4.extract_lane(logOnce(f32x4.splat(x)), 0); }

/** e^x for one value. */
@inline export function expScalar(x: f32): f32 { return f32x4.extract_lane(expOnce(f32x4.splat(x)), 0); }
