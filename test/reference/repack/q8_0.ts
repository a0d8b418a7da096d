/** Raw blocks of Q8_0 as planes: 32 bytes a group, then the f16 scales. */
export function repackQ8(raw: Uint8Array): Uint32Array<ArrayBuffer> {
  const groups = raw.length / 34
  const planes = new Uint8Array(4 * (8 * groups + Math.ceil(groups / 2)))
  for (let g = 0; g < groups; g++) {
    planes.set(raw.subarray(34 * g, 34 * g + 2), 32 * groups + 2 * g)
    planes.set(raw.subarray(34 * g + 2, 34 * g + 34), 32 * g)
  }
  return new Uint32Array(planes.buffer)
}
