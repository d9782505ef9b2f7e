// Logarithms as ordinary functions, one copy each in the binary, for where they are a small part of the work.

import { mapLong } from "./long_loops";
import { log } from "./math";

@unmanaged class Log {
  @inline v(x: v128): v128 { return log(x); }
}

/** y = ln x for n elements. */
export function logs(y: usize, x: usize, n: i32): void { mapLong<Log>(y, x, n); }

/** ln x for one value. */
export function logScalar(x: f32): f32 { return f32x4.extract_lane(log(f32x4.splat(x)), 0); }
