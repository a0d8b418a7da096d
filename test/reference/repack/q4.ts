/**
 * Raw blocks of Q4_0 or Q4_1 as planes: four words of nibbles a group, in which byte i of word w holds weights 8w + i
 * (low) and 8w + 4 + i (high); then the f16 scales, or (scale, minimum) pairs.
 */
export function repackQ4(raw: Uint8Array, minimum: boolean): Uint32Array<ArrayBuffer> {
  const header = minimum ? 4 : 2
  const groups = raw.length / (header + 16)
  const planes = new Uint8Array(4 * (4 * groups + (minimum ? groups : Math.ceil(groups / 2))))
  for (let g = 0; g < groups; g++) {
    const block = raw.subarray(g * (header + 16), (g + 1) * (header + 16))
    planes.set(block.subarray(0, header), 16 * groups + header * g)
    for (let i = 0; i < 32; i++) {
      const byte = block[header + (i % 16)]!
      const code = i < 16 ? byte % 16 : Math.floor(byte / 16)
      planes[16 * g + 4 * Math.floor(i / 8) + (i % 4)]! += i % 8 < 4 ? code : 16 * code
    }
  }
  return new Uint32Array(planes.buffer)
}
