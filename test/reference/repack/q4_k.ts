/**
 * Raw blocks of Q4_K or Q5_K as planes: nibbles as in Q4_0; the first 16 bytes of each block as they are; of Q5_K the
 * high bits, a word a group, as in Q5_0.
 */
export function repackQ4K(raw: Uint8Array, fifth: boolean): Uint32Array<ArrayBuffer> {
  const bytes = fifth ? 176 : 144
  const blocks = raw.length / bytes
  const [scales, high] = [128 * blocks, 144 * blocks]
  const planes = new Uint8Array(fifth ? 176 * blocks : high)
  for (let b = 0; b < blocks; b++) {
    const block = raw.subarray(bytes * b, bytes * (b + 1))
    planes.set(block.subarray(0, 16), scales + 16 * b)
    for (let i = 0; i < 256; i++) {
      const run = Math.floor(i / 32)
      const group = 8 * b + run
      const j = i % 32
      const byte = block[bytes - 128 + 32 * Math.floor(run / 2) + j]!
      const low = run % 2 === 0 ? byte % 16 : Math.floor(byte / 16)
      planes[16 * group + 4 * Math.floor(j / 8) + (j % 4)]! += low * (j % 8 < 4 ? 1 : 16)
      if (fifth) {
        const bit = Math.floor(block[16 + j]! / 2 ** run) % 2
        planes[high + 4 * group + (j % 4)]! += bit * 2 ** Math.floor(j / 4)
      }
    }
  }
  return new Uint32Array(planes.buffer)
}
