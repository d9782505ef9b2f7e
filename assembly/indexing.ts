// Elements chosen by index.

/** y[i] = table[x[i]]: bytes to values, a table of 256. */
export function lookup_u8_f32(y: usize, x: usize, table: usize, n: i32): void {
  const end = y + ((<usize>n & ~3) << 2);
  while (y < end) {
    const four = load<u32>(x);
    store<f32>(y, load<f32>(table + ((four & 255) << 2)));
    store<f32>(y, load<f32>(table + (((four >> 8) & 255) << 2)), 4);
    store<f32>(y, load<f32>(table + (((four >> 16) & 255) << 2)), 8);
    store<f32>(y, load<f32>(table + ((four >> 24) << 2)), 12);
    y += 16;
    x += 4;
  }
  for (let i: usize = 0, rest = <usize>n & 3; i < rest; i++) {
    store<f32>(y + (i << 2), load<f32>(table + (<usize>load<u8>(x + i) << 2)));
  }
}
