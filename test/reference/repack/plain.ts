/** Rows of plain words, each padded with zeros to `rowStride` words. */
export function repackPlain(raw: Uint8Array, rowWords: number, rowStride: number): Uint32Array<ArrayBuffer> {
  const rows = raw.length / 4 / rowWords
  const planes = new Uint8Array(4 * rows * rowStride)
  for (let row = 0; row < rows; row++) {
    planes.set(raw.subarray(4 * row * rowWords, 4 * (row + 1) * rowWords), 4 * row * rowStride)
  }
  return new Uint32Array(planes.buffer)
}
