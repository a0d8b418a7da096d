/** Writes the code of weight i of a matrix where the kernels look for it, in words of eight weights. */
function putCode(planes: Uint8Array, i: number, code: number): void {
  planes[4 * Math.floor(i / 8) + (i % 4)]! += i % 8 < 4 ? code : 16 * code
}

/** Raw blocks of IQ4_XS as planes: nibbles as in Q4_0, an i8 scale for each group, an f16 scale for each block. */
export function repackIq4Xs(raw: Uint8Array): Uint32Array<ArrayBuffer> {
  const blocks = raw.length / 136
  const [scales, supers] = [128 * blocks, 136 * blocks]
  const planes = new Uint8Array(supers + 4 * Math.ceil(blocks / 2))
  for (let b = 0; b < blocks; b++) {
    const block = raw.subarray(136 * b, 136 * (b + 1))
    planes.set(block.subarray(0, 2), supers + 2 * b)
    for (let j = 0; j < 8; j++) {
      const low = Math.floor(block[4 + Math.floor(j / 2)]! / 16 ** (j % 2)) % 16
      const high = Math.floor(block[2 + Math.floor(j / 4)]! / 4 ** (j % 4)) % 4
      planes[scales + 8 * b + j] = low + 16 * high - 32
    }
    for (let i = 0; i < 256; i++) {
      const byte = block[8 + 16 * Math.floor(i / 32) + (i % 16)]!
      putCode(planes, 256 * b + i, i % 32 < 16 ? byte % 16 : Math.floor(byte / 16))
    }
  }
  return new Uint32Array(planes.buffer)
}

/** Raw blocks of MXFP4 as planes: nibbles as in Q4_0, an exponent byte for each group. */
export function repackMxfp4(raw: Uint8Array): Uint32Array<ArrayBuffer> {
  const groups = raw.length / 17
  const planes = new Uint8Array(16 * groups + 4 * Math.ceil(groups / 4))
  for (let g = 0; g < groups; g++) {
    planes[16 * groups + g] = raw[17 * g]!
    for (let i = 0; i < 32; i++) {
      const byte = raw[17 * g + 1 + (i % 16)]!
      putCode(planes, 32 * g + i, i < 16 ? byte % 16 : Math.floor(byte / 16))
    }
  }
  return new Uint32Array(planes.buffer)
}

/** Raw blocks of NVFP4 as planes: nibbles as in Q4_0, two scale bytes for each group. */
export function repackNvfp4(raw: Uint8Array): Uint32Array<ArrayBuffer> {
  const blocks = raw.length / 36
  const planes = new Uint8Array(36 * blocks)
  for (let b = 0; b < blocks; b++) {
    planes.set(raw.subarray(36 * b, 36 * b + 4), 32 * blocks + 4 * b)
    for (let i = 0; i < 64; i++) {
      const byte = raw[36 * b + 4 + 8 * Math.floor(i / 16) + (i % 8)]!
      putCode(planes, 64 * b + i, i % 16 < 8 ? byte % 16 : Math.floor(byte / 16))
    }
  }
  return new Uint32Array(planes.buffer)
}
