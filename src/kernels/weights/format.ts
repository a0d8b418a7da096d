/** Planes of a matrix in the order of their numbers; `quants` begins at word 0. */
export const planeNames = ['quants', 'scales', 'high', 'supers', 'signs'] as const

/** Where the planes of a matrix begin in its buffer, in words. A format that lacks a plane has it at 0. */
export interface PlaneOffsets {
  readonly scales: number
  readonly high: number
  readonly supers: number
  readonly signs: number
  /** The same for every matrix of a format. */
  readonly table: number
}

export interface Planes extends PlaneOffsets {
  /** All of them together. */
  readonly words: number
}

/** Bytes of a file's block that go to one plane, at each block's place in it. */
export interface BlockField {
  readonly plane: (typeof planeNames)[number]
  /** 1, 2 or a multiple of 4. */
  readonly bytes: number
  /** Of the codes that the bytes hold; what has no codes stays as it is. The kernels' order: shaders/repack/split.wgsl. */
  readonly bits?: 1 | 2 | 4
  /**
   * Byte i of a row of so many holds, lowest bits first, codes i, i + row, i + 2 · row, …, and the next row goes on. Without
   * rows codes follow one another, lowest bits first.
   */
  readonly row?: 8 | 16 | 32 | 64
}

/** How the weights of a matrix lie on the GPU, and what reads them. */
export interface MatrixFormat {
  readonly name: string
  /** Basename of the shader module in shaders/weights/. */
  readonly module: string
  /**
   * Switches of that module, for formats that share it, and `long_octets` of the kernels: unpacking eight weights takes so much code
   * that lib/row_sums.wgsl keeps a loop over them.
   */
  readonly conditions?: Readonly<Record<string, boolean>>
  /** Numbers of that module, compiled in as `const NAME: u32`. */
  readonly constants?: Readonly<Record<string, number>>
  /** Whether codes are integers of eight bits at most, which the module has as `bytes`. */
  readonly integers?: boolean
  /** `groups` are runs of 32 weights. */
  readonly planes: (groups: number) => Planes
  /** What lies in the plane `table`. */
  readonly table?: () => Uint32Array<ArrayBuffer>
}

/** A tensor type, named as GGUF does, that the kernels read at its file's bits per weight. */
export interface WeightFormat extends MatrixFormat {
  /** Smallest piece of the file that can be repacked alone. */
  readonly unitBytes: number
  readonly unitWeights: number
  /** What such a piece consists of, in the file's order. */
  readonly fields: readonly BlockField[]
}

/** Weights in a group; rows are whole groups. */
export const groupWeights = 32

/** Planes one after another; the first begins at 0 and needs no name. */
export function planesOf(
  first: number,
  rest: readonly (readonly [name: keyof PlaneOffsets, words: number])[],
): Planes {
  const offsets = { scales: 0, high: 0, supers: 0, signs: 0, table: 0 }
  let words = first
  for (const [name, count] of rest) {
    offsets[name] = words
    words += count
  }
  return { ...offsets, words }
}

interface BlockLayout
  extends Pick<
    WeightFormat,
    'name' | 'module' | 'conditions' | 'constants' | 'integers' | 'fields' | 'table'
  > {
  /** In a block. */
  readonly weights: number
  readonly tableWords?: number
}

/** A format whose planes are the fields of a file's blocks: quants first, then the others in the file's order. */
export function blockFormat({ weights, tableWords = 0, ...format }: BlockLayout): WeightFormat {
  const { fields } = format
  return {
    ...format,
    unitWeights: weights,
    unitBytes: fields.reduce((sum, { bytes }) => sum + bytes, 0),
    planes: (groups) => {
      const blocks = (groups * groupWeights) / weights
      let quants = 0
      const rest: [keyof PlaneOffsets, number][] = []
      for (const { plane, bytes } of fields) {
        const words = Math.ceil((blocks * bytes) / 4)
        if (plane === 'quants') quants = words
        else rest.push([plane, words])
      }
      return planesOf(quants, tableWords > 0 ? [...rest, ['table', tableWords]] : rest)
    },
  }
}

/** The params by which a kernel finds the planes. */
export const planeParams = {
  scales: 'u32',
  high: 'u32',
  supers: 'u32',
  signs: 'u32',
  table: 'u32',
} as const satisfies Record<keyof PlaneOffsets, 'u32'>

/** What a kernel that reads weights is linked with: `package::weights` is the format's module. */
export function reads({
  module,
  constants = {},
  conditions = {},
}: Pick<MatrixFormat, 'module' | 'constants' | 'conditions'>) {
  return { modules: { weights: `weights/${module}` }, moduleConstants: constants, conditions }
}
