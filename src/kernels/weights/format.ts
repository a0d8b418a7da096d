import type { repackPlain } from '../repack'

/** Where the planes of a matrix begin in its buffer, in words. A format that lacks a plane has it at 0. */
export interface PlaneOffsets {
  readonly scales: number
  readonly high: number
  readonly supers: number
  readonly signs: number
  readonly table: number
}

export interface Planes extends PlaneOffsets {
  /** All of them together. */
  readonly words: number
}

/** A tensor type that the kernels read at its file's bits per weight. */
export interface WeightFormat {
  /** As GGUF names it. */
  readonly name: string
  /** Basename of the shader module in shaders/weights/. */
  readonly module: string
  /** Switches of that module, for formats that share it. */
  readonly conditions?: Readonly<Record<string, boolean>>
  /** Numbers of that module, compiled in as `const NAME: u32`. */
  readonly constants?: Readonly<Record<string, number>>
  /** Smallest piece of the file that can be repacked alone. */
  readonly unitBytes: number
  readonly unitWeights: number
  readonly repack: typeof repackPlain
  /** Switches of the repack shader, for formats that share it. */
  readonly repackConditions?: Readonly<Record<string, boolean>>
  /** `groups` are runs of 32 weights. */
  readonly planes: (groups: number) => Planes
  /** What lies in the plane `table`: the same for every matrix. */
  readonly table?: () => Uint32Array<ArrayBuffer>
}

/** Weights in a group; rows are whole groups. */
export const groupWeights = 32

/** Words that hold `count` 16-bit values. */
export const halfWords = (count: number): number => Math.ceil(count / 2)

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
}: Pick<WeightFormat, 'module' | 'constants' | 'conditions'>) {
  return { modules: { weights: `weights/${module}` }, moduleConstants: constants, conditions }
}
