/**
 * Raw blocks of Q4_0, Q4_1, Q5_0 or Q5_1 as planes: four words of nibbles a group, in which byte i of word w holds
 * weights 8w + i (low) and 8w + 4 + i (high); then the f16 scales, or (scale, minimum) pairs; then, of fives, a word of
 * high bits a group, in which bit w of byte b is weight 4w + b's.
 */
export function repackQ4(raw: Uint8Array, minimum: boolean, fifth: boolean): Uint32Array<ArrayBuffer> {
  const scaleBytes = minimum ? 4 : 2
  const header = scaleBytes + (fifth ? 4 : 0)
  const groups = raw.length / (header + 16)
  const high = 4 * (4 * groups + (minimum ? groups : Math.ceil(groups / 2)))
  const planes = new Uint8Array(high + (fifth ? 4 * groups : 0))
  for (let g = 0; g < groups; g++) {
    const block = raw.subarray(g * (header + 16), (g + 1) * (header + 16))
    planes.set(block.subarray(0, scaleBytes), 16 * groups + scaleBytes * g)
    for (let i = 0; i < 32; i++) {
      const byte = block[header + (i % 16)]!
      const code = i < 16 ? byte % 16 : Math.floor(byte / 16)
      planes[16 * g + 4 * Math.floor(i / 8) + (i % 4)]! += i % 8 < 4 ? code : 16 * code
      if (fifth) {
        const bit = Math.floor(block[scaleBytes + Math.floor(i / 8)]! / 2 ** (i % 8)) % 2
        planes[high + 4 * g + (i % 4)]! += bit * 2 ** Math.floor(i / 4)
      }
    }
  }
  return new Uint32Array(planes.buffer)
}
