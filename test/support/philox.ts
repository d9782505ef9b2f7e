const MASK = 0xffffffffn;

/** Philox4x32-10 straight from its definition, in big integers: `count` words from the counter on. */
export function philoxWords(seed: bigint, counter: bigint, count: number): number[] {
  const out: number[] = [];
  for (let block = 0n; out.length < count; block++) {
    const at = counter + block;
    let c = [at & MASK, (at >> 32n) & MASK, 0n, 0n] as [bigint, bigint, bigint, bigint];
    let k0 = seed & MASK;
    let k1 = seed >> 32n;
    for (let round = 0; round < 10; round++) {
      const p = 0xd2511f53n * c[0];
      const q = 0xcd9e8d57n * c[2];
      c = [(q >> 32n) ^ c[1] ^ k0, q & MASK, (p >> 32n) ^ c[3] ^ k1, p & MASK];
      k0 = (k0 + 0x9e3779b9n) & MASK;
      k1 = (k1 + 0xbb67ae85n) & MASK;
    }
    out.push(...c.map(Number));
  }
  return out.slice(0, count);
}

/** The same as uniform numbers with 24 bits. */
export function philoxUnits(seed: bigint, count: number): number[] {
  return philoxWords(seed, 0n, count).map((w) => (w >>> 8) / 2 ** 24);
}
