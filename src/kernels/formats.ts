import { repackPlain, repackQ4, repackQ6K, repackQ8 } from './repack'

/** Where the planes of a matrix begin in its buffer, in words, and how many words there are. */
export interface Planes {
  readonly scales: number
  readonly high: number
  readonly supers: number
  readonly words: number
}

/** A tensor type that the kernels read at its file's bits per weight. */
export interface WeightFormat {
  /** As GGUF names it. */
  readonly name: string
  /** Basename of the shader module in shaders/weights/. */
  readonly module: string
  /** Smallest piece of the file that can be repacked alone. */
  readonly unitBytes: number
  readonly unitWeights: number
  readonly repack: typeof repackPlain
  readonly minimum: boolean
  /** `groups` are runs of 32 weights. */
  readonly planes: (groups: number) => Planes
}

/** Weights in a group; rows are whole groups. */
export const groupWeights = 32

const halves = (count: number) => Math.ceil(count / 2)

function plain(name: string, module: string, wordsPerGroup: number): WeightFormat {
  return {
    name,
    module,
    unitBytes: 4,
    unitWeights: groupWeights / wordsPerGroup,
    repack: repackPlain,
    minimum: false,
    planes: (groups) => ({ scales: 0, high: 0, supers: 0, words: groups * wordsPerGroup }),
  }
}

/** Formats by ggml's type id. */
export const weightFormats: ReadonlyMap<number, WeightFormat> = new Map([
  [0, plain('F32', 'f32', 32)],
  [1, plain('F16', 'f16', 16)],
  [30, plain('BF16', 'bf16', 16)],
  [
    2,
    {
      name: 'Q4_0',
      module: 'q4_0',
      unitBytes: 18,
      unitWeights: 32,
      repack: repackQ4,
      minimum: false,
      planes: (groups) => ({ scales: 4 * groups, high: 0, supers: 0, words: 4 * groups + halves(groups) }),
    },
  ],
  [
    3,
    {
      name: 'Q4_1',
      module: 'q4_1',
      unitBytes: 20,
      unitWeights: 32,
      repack: repackQ4,
      minimum: true,
      planes: (groups) => ({ scales: 4 * groups, high: 0, supers: 0, words: 5 * groups }),
    },
  ],
  [
    8,
    {
      name: 'Q8_0',
      module: 'q8_0',
      unitBytes: 34,
      unitWeights: 32,
      repack: repackQ8,
      minimum: false,
      planes: (groups) => ({ scales: 8 * groups, high: 0, supers: 0, words: 8 * groups + halves(groups) }),
    },
  ],
  [
    14,
    {
      name: 'Q6_K',
      module: 'q6_k',
      unitBytes: 210,
      unitWeights: 256,
      repack: repackQ6K,
      minimum: false,
      planes: (groups) => {
        const high = 4 * groups
        const scales = high + 2 * groups
        const supers = scales + Math.ceil(groups / 2)
        return { scales, high, supers, words: supers + halves(Math.ceil(groups / 8)) }
      },
    },
  ],
])
