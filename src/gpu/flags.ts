/**
 * Flags of WebGPU as numbers, https://www.w3.org/TR/webgpu/: what a buffer is for (`GPUBufferUsage`), how it is mapped
 * (`GPUMapMode`), who sees a binding (`GPUShaderStage`). Browsers that have no WebGPU, and Node, have no such globals.
 */
export const bufferUsage = {
  mapRead: 0x1,
  copySrc: 0x4,
  copyDst: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const

/** `GPUMapMode.READ` */
export const mapRead = 0x1

/** `GPUShaderStage.COMPUTE` */
export const computeStage = 0x4
