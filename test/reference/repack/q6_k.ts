/**
 * Raw blocks of Q6_K as planes: low four bits as in Q4_0; high two bits, of which byte i of word w holds those of weights
 * 16w + i, + 4, + 8, + 12, lowest first; an i8 scale for each 16 weights; an f16 scale for each block.
 */
export function repackQ6K(raw: Uint8Array): Uint32Array<ArrayBuffer> {
  const blocks = raw.length / 210
  const groups = 8 * blocks
  const high = 16 * groups
  const scales = high + 8 * groups
  const supers = scales + 2 * groups
  const planes = new Uint8Array(supers + 4 * Math.ceil(blocks / 2))
  for (let b = 0; b < blocks; b++) {
    const block = raw.subarray(210 * b, 210 * (b + 1))
    planes.set(block.subarray(192, 208), scales + 16 * b)
    planes.set(block.subarray(208, 210), supers + 2 * b)
    for (let i = 0; i < 256; i++) {
      const code = q6Code(block, i)
      const group = 8 * b + Math.floor(i / 32)
      const j = i % 32
      planes[16 * group + 4 * Math.floor(j / 8) + (j % 4)]! += (code % 16) * (j % 8 < 4 ? 1 : 16)
      const place = 4 ** Math.floor((j % 16) / 4)
      planes[high + 8 * group + 4 * Math.floor(j / 16) + (j % 4)]! += Math.floor(code / 16) * place
    }
  }
  return new Uint32Array(planes.buffer)
}

/** The six bits of weight i: a block goes by halves of 128 weights, each with 64 bytes of nibbles and 32 of high bits. */
function q6Code(block: Uint8Array, i: number): number {
  const half = Math.floor(i / 128)
  const run = Math.floor((i % 128) / 32)
  const lows = block[64 * half + 32 * (run % 2) + (i % 32)]!
  const highs = block[128 + 32 * half + (i % 32)]!
  return (run < 2 ? lows % 16 : Math.floor(lows / 16)) + 16 * (Math.floor(highs / 4 ** run) % 4)
}
