const N = 624;
const M = 397;

/**
 * The uniform numbers in [0, 1) that NumPy draws from a seed: ONNX's reference implementation uses them wherever a node has a `seed`.
 * Source: Matsumoto, Nishimura, "Mersenne Twister" (1998), and 53 bits of two words each as in `genrand_res53`.
 */
export function mersenneUniform(seed: number, count: number): Float64Array {
  const state = new Uint32Array(N);
  state[0] = seed;
  for (let i = 1; i < N; i++) {
    const before = state[i - 1]!;
    state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
  }
  let at = N;
  const next = (): number => {
    if (at === N) {
      for (let i = 0; i < N; i++) {
        const y = (state[i]! & 0x80000000) | (state[(i + 1) % N]! & 0x7fffffff);
        state[i] = state[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      at = 0;
    }
    let y = state[at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
  return Float64Array.from({ length: count }, () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 2 ** 53);
}
