import type { DeviceInfo } from '../gpu/device'

/**
 * The points of each kernel's table that a device uses: numbers that tune. Names are those of the kernel's constants and
 * conditions where it takes them as they are.
 */
export interface Variants {
  /** Of the point that it began with. */
  readonly name:
    | 'lanes-own-rows'
    | 'fours-share-activations'
    | 'subgroups-share-activations'
    | 'lanes-share-rows'
    | 'kernels-apart'
  readonly matvec: {
    readonly workgroup_size: number
    readonly segment_lanes: 1 | 8
    readonly subgroups: boolean
  }
  /** `tokens_per_lane`: where there are up to four, four. */
  readonly matmul: {
    readonly workgroup_size: number
    readonly tokens_per_lane: 4 | 8
    readonly subgroups: boolean
  }
  /** Of products that take integers. */
  readonly int8Matvec: Variants['matvec']
  readonly int8Matmul: Variants['matmul']
  /** 1: those take `dot4I8Packed` where the browser's WGSL has it. 0: two products by one multiplication. */
  readonly packedDot: 0 | 1
  /** `most_heads`: query heads of a kv head that one workgroup serves, at most. */
  readonly attentionDecode: {
    readonly workgroup_size: number
    readonly most_heads: number
    readonly subgroups: boolean
  }
  /** `most_lanes` of a tile: tokens × query heads a kv head, at most this. */
  readonly attentionPrefill: { readonly most_lanes: number; readonly subgroups: boolean }
  /** Tokens of a step that `matvec` takes, at most: 1, 2, 4 or 8. More are for `matmul`. */
  readonly matvecTokens: number
  /** 1: one kernel projects the heads of one token and puts them where they go. 0: a product and `rope_kv`. */
  readonly fusedHeads: 0 | 1
  /** 1: each workgroup of a product of one token normalizes the token's row by itself. 0: a norm is a dispatch. */
  readonly ownNorms: 0 | 1
  /** Splits of one token's context that each workgroup of the output product merges by itself, at most; 0: none. */
  readonly mergedSplits: number
  /** The same of rows that are rounded to bytes: what rounds them, before products or in each workgroup of one, makes them as well. */
  readonly roundedNorms: 0 | 1
  readonly roundedSplits: number
  /** 1: each workgroup of a product of one token rounds the token's row to bytes by itself. 0: that is a dispatch. */
  readonly ownRoundings: 0 | 1
  /**
   * 1: exact products of many tokens take rows as f16, where `invariance` is off, the device has `shader-f16`, and lanes do not share
   * what they load: then there is less to load.
   */
  readonly halfRows: 0 | 1
  /** Lanes of kernels that walk a row or a vector. */
  readonly rowLanes: number
  /** Lanes of kernels that walk one head of one token. */
  readonly headLanes: number
  readonly samplerLanes: number
  /** Points of products and of attention at shapes of their own, as they were timed, by `tacticOf`. */
  readonly tuned?: Readonly<Record<string, TunablePoint>>
}

/**
 * Kinds whose candidates all give the same bits (ARCHITECTURE, one order of summation), so that several of a kind may
 * serve one model and a timing may choose among them. What the others sum depends on their lanes: they are one number
 * for a device, for every batch and every load. Prefill attention cuts batches by its lanes, so it has one point, too.
 */
export const tunableKinds = ['matvec', 'matmul', 'int8Matvec', 'int8Matmul', 'attentionDecode'] as const
export type TunableKind = (typeof tunableKinds)[number]
export type TunablePoint = Variants[TunableKind]

export type VariantKind = Exclude<keyof Variants, 'name' | 'tuned'>

/** As `point`, where a value that all lanes want is loaded once for four or eight of them and passed on. */
function sharing<Point extends { readonly subgroups: boolean }>(point: Point): Point {
  return { ...point, subgroups: true }
}

const matvecByLane = { workgroup_size: 16, segment_lanes: 1, subgroups: false } as const
const matvecBySegment = { workgroup_size: 64, segment_lanes: 8, subgroups: false } as const
const matmulNarrow = { workgroup_size: 16, tokens_per_lane: 4, subgroups: false } as const
const matmulBy8Tokens = { workgroup_size: 16, tokens_per_lane: 8, subgroups: true } as const
const matmulWide = { workgroup_size: 64, tokens_per_lane: 4, subgroups: false } as const
const int8MatmulNarrow = { workgroup_size: 16, tokens_per_lane: 8, subgroups: false } as const
const int8MatmulBy4Tokens = { workgroup_size: 16, tokens_per_lane: 4, subgroups: true } as const
const int8MatmulWide = { workgroup_size: 64, tokens_per_lane: 8, subgroups: false } as const
const decodeBy8Lanes = { workgroup_size: 8, most_heads: 4, subgroups: false } as const
const decodeBy64Lanes = { workgroup_size: 64, most_heads: 8, subgroups: false } as const
const prefillBy48Lanes = { most_lanes: 48, subgroups: false } as const
const prefillBy64Lanes = { most_lanes: 64, subgroups: false } as const

/** The table of variants: what each kernel is compiled with, of one source. The first of each kind is universal. */
export const candidates: { readonly [Kind in VariantKind]: readonly Variants[Kind][] } = {
  matvec: [matvecByLane, sharing(matvecByLane), matvecBySegment],
  matmul: [matmulNarrow, sharing(matmulNarrow), matmulBy8Tokens, matmulWide],
  matvecTokens: [1, 8],
  fusedHeads: [0, 1],
  ownNorms: [0, 1],
  mergedSplits: [0, 4],
  roundedNorms: [0, 1],
  roundedSplits: [0, 4, 16],
  ownRoundings: [0, 1],
  halfRows: [0, 1],
  int8Matvec: [matvecByLane, sharing(matvecByLane), matvecBySegment],
  int8Matmul: [int8MatmulNarrow, int8MatmulBy4Tokens, sharing(int8MatmulNarrow), int8MatmulWide],
  packedDot: [0, 1],
  attentionDecode: [decodeBy8Lanes, sharing(decodeBy8Lanes), decodeBy64Lanes],
  attentionPrefill: [prefillBy48Lanes, sharing(prefillBy48Lanes), prefillBy64Lanes],
  rowLanes: [32, 128],
  headLanes: [8, 32],
  samplerLanes: [64, 256],
}

export const kinds = Object.keys(candidates) as readonly VariantKind[]

/**
 * What a model can do without, where its kernels err: 0. What one kernel does instead of two for one token, an instruction, and rows
 * as f16.
 */
export type Dispensable =
  | 'fusedHeads'
  | 'ownNorms'
  | 'mergedSplits'
  | 'roundedNorms'
  | 'roundedSplits'
  | 'ownRoundings'
  | 'packedDot'
  | 'halfRows'

type Device = Pick<DeviceInfo, 'features' | 'subgroupMinSize' | 'limits'>

/** What the switches of a point ask of a device. */
const needs: Readonly<Record<string, (device: Device, sharers: number) => boolean>> = {
  subgroups: ({ features, subgroupMinSize }, sharers) =>
    features.includes('subgroups') && subgroupMinSize !== null && subgroupMinSize >= sharers,
}

/** How many lanes load for one another where they do: in products of many tokens as many as a lane has tokens. */
function sharersOf(point: Exclude<Variants[VariantKind], number>): number {
  return 'tokens_per_lane' in point ? point.tokens_per_lane : 8
}

/** Conditions of kernels that belong to a point, and change no result. */
export const switches: readonly string[] = Object.keys(needs)

/** Whether the device runs a kernel at this point. */
function fits(point: Variants[VariantKind], device: Device): boolean {
  const { maxComputeInvocationsPerWorkgroup: most } = device.limits
  if (typeof point === 'number') return point <= most
  const lanes = 'most_lanes' in point ? point.most_lanes : point.workgroup_size
  return (
    lanes <= most &&
    Object.entries(point).every(([name, value]) => value !== true || needs[name]!(device, sharersOf(point)))
  )
}

/** The candidates of a kind that the device runs, the universal one first. */
export function candidatesFor<Kind extends VariantKind>(
  kind: Kind,
  device: Device,
): readonly Variants[Kind][] {
  return candidates[kind].filter((point) => fits(point, device))
}

/** What is timed by itself: a kind of kernel at one shape. */
export function tacticOf(kind: TunableKind, shape: string): string {
  return `${kind} ${shape}`
}

/** The point of a kernel at a shape. */
export function pointAt<Kind extends TunableKind>(
  variants: Variants,
  kind: Kind,
  shape: string,
): Variants[Kind] {
  // `tuned` has points of the kind under the kind's names alone.
  return (variants.tuned?.[tacticOf(kind, shape)] as Variants[Kind] | undefined) ?? variants[kind]
}

/** `64`, or `workgroup_size 64, segment_lanes 8`. */
export function inWords(point: Variants[VariantKind]): string {
  if (typeof point === 'number') return String(point)
  return Object.entries(point)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => (value === true ? name : `${name} ${value}`))
    .join(', ')
}

/** Of all kinds and tactics, in words. */
export function variantsInWords(variants: Variants): Record<string, string> {
  const own = kinds.map((kind) => [kind, inWords(variants[kind])] as const)
  const tuned = Object.entries(variants.tuned ?? {}).map(([name, point]) => [name, inWords(point)] as const)
  return { name: variants.name, ...Object.fromEntries([...own, ...tuned]) }
}

/**
 * A CPU driver runs a lane as a SIMD lane: whole rows a lane, few lanes, no barriers (the universal point). A dispatch costs it less
 * than what each workgroup would do again, and SwiftShader writes code for each word of workgroup memory.
 */
export const software: Variants = {
  name: 'lanes-own-rows',
  matvec: matvecByLane,
  matmul: matmulNarrow,
  int8Matvec: matvecByLane,
  int8Matmul: int8MatmulNarrow,
  packedDot: 0,
  attentionDecode: decodeBy8Lanes,
  attentionPrefill: prefillBy48Lanes,
  matvecTokens: 1,
  fusedHeads: 1,
  ownNorms: 0,
  mergedSplits: 0,
  roundedNorms: 1,
  roundedSplits: 16,
  ownRoundings: 0,
  halfRows: 1,
  rowLanes: 32,
  headLanes: 8,
  samplerLanes: 64,
}

/** The same where lanes of four pass on what products of many tokens read: SwiftShader's subgroups have no more. */
export const softwareWithFours: Variants = {
  ...software,
  name: 'fours-share-activations',
  matmul: sharing(matmulNarrow),
  int8Matmul: int8MatmulBy4Tokens,
}

/** The same where lanes of eight pass all values on, which costs a CPU driver less than a load in each lane. */
export const softwareWithSubgroups: Variants = {
  ...software,
  name: 'subgroups-share-activations',
  matvec: sharing(matvecByLane),
  matmul: matmulBy8Tokens,
  int8Matvec: sharing(matvecByLane),
  int8Matmul: sharing(int8MatmulNarrow),
  attentionDecode: sharing(decodeBy8Lanes),
  attentionPrefill: sharing(prefillBy48Lanes),
}

/** A GPU wants many lanes with little work each. */
export const hardware: Variants = {
  name: 'lanes-share-rows',
  matvec: matvecBySegment,
  matmul: matmulWide,
  int8Matvec: matvecBySegment,
  int8Matmul: int8MatmulWide,
  packedDot: 1,
  attentionDecode: decodeBy64Lanes,
  attentionPrefill: prefillBy64Lanes,
  matvecTokens: 8,
  fusedHeads: 1,
  ownNorms: 1,
  mergedSplits: 4,
  roundedNorms: 1,
  roundedSplits: 4,
  ownRoundings: 1,
  halfRows: 1,
  rowLanes: 128,
  headLanes: 32,
  samplerLanes: 256,
}

/** The last resort: of the universal kernels, those that do one thing each. */
const apart: Variants = {
  ...software,
  name: 'kernels-apart',
  fusedHeads: 0,
  roundedNorms: 0,
  roundedSplits: 0,
  halfRows: 0,
}

/** What is tried behind whatever a device likes: universal kernels, and of these the fewest. */
export const lastResorts: readonly Variants[] = [software, apart]

/** The extension of WGSL with products of packed integers. */
export const packedDotFeature = 'packed_4x8_integer_dot_product'

function runs(variants: Variants, device: Device): boolean {
  return kinds.every((kind) => fits(variants[kind], device))
}

/** What a CPU driver likes: lanes that share as much as its subgroups let them. */
function sharingPoint(device: Device): Variants | undefined {
  return [softwareWithSubgroups, softwareWithFours].find((variants) => runs(variants, device))
}

/** Whole points that loads on such devices begin with, whatever this one would choose. */
export function pointsFor(device: Device): readonly Variants[] {
  const shared = sharingPoint(device)
  return [software, hardware, ...(shared ? [shared] : [])].filter((variants) => runs(variants, device))
}

type Chooser = Device & Pick<DeviceInfo, 'isFallbackAdapter'>

/** Whether products of integers are no faster than those of floats: CPU drivers with SSE alone, by their subgroups (bench/README.md). */
export function prefersFloats(info: Chooser): boolean {
  return info.isFallbackAdapter && sharingPoint(info) === softwareWithFours
}

/** In the order in which they are to be tried; the last ones are universal. */
export function chooseVariants(info: Chooser): readonly Variants[] {
  const wanted = info.isFallbackAdapter ? sharingPoint(info) : hardware
  return wanted && runs(wanted, info) ? [wanted, ...lastResorts] : lastResorts
}
