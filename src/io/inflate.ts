/**
 * Expands compressed bytes, on every platform that has DecompressionStream. It stops with the piece that goes beyond `most`, so that the
 * caller, who knows what was claimed, sees more than that and no more memory is taken. Errors: what the platform throws for damaged bytes.
 */
export async function inflate(bytes: Uint8Array, format: CompressionFormat, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream(format));
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value);
    size += next.value.length;
    if (size > most) {
      await reader.cancel();
      break;
    }
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
