import type { DeviceInfo } from '../gpu/device'
import { shaderTexts } from '../gpu/shader-files'
import type { DroppedVariant, TimedVariants } from '../util/diagnostics'
import { sha256 } from '../util/sha256'
import type { Tune } from '../util/tune'
import { attentionIn } from './attention-in'
import type { ModelTensors } from './tensors'
import type { TuningLimits } from './tuner'
import { candidates, candidatesFor, kinds, type TunablePoint, tunableKinds, type Variants } from './variants'

/** Where choices are kept; what it gives is not trusted. */
export interface TacticsStore {
  get(key: string): Promise<unknown>
  set(key: string, value: StoredTactics): Promise<void>
}

/** How a load chooses variants. */
export interface TacticsOptions {
  readonly tune: Tune
  /** null: nothing is kept. */
  readonly store: TacticsStore | null
  /** The browser with its version: another one compiles other code. */
  readonly browser: string
  /** Called before variants are timed. */
  readonly onTuning: () => void
  /** Default: about a second. */
  readonly limits?: TuningLimits
}

/** What a load has chosen. */
export interface StoredTactics {
  readonly variants: Variants
  readonly dropped: readonly DroppedVariant[]
  readonly timed: readonly TimedVariants[]
  readonly whyNotTimed: string | null
  /** `provenOf` the pipelines. */
  readonly proven: string
}

/**
 * Under what a choice is kept: all that it may depend on. Defaults and timed choices have keys of their own.
 */
export async function tacticsKey(
  device: DeviceInfo,
  { tune, browser }: Pick<TacticsOptions, 'tune' | 'browser'>,
  { matrices, layers, vocab }: ModelTensors,
  /** Further words of the model and its options. */
  words: readonly string[],
): Promise<string> {
  const products = new Set(matrices.map(({ format, rows, columns }) => `${format.name} ${rows} ${columns}`))
  const heads = new Set(
    attentionIn(layers).map(
      ({ heads: own, kvHeads, headDim, window }) => `${own} ${kvHeads} ${headDim} ${window}`,
    ),
  )
  const parts = [
    tune === 'off' ? 'defaults' : 'timed',
    device,
    browser,
    await kernelsVersion(),
    [[...products].sort(), [...heads].sort(), vocab, ...words],
  ]
  return digest(JSON.stringify(parts))
}

/** Changes with the library's sources; where it is not built, with the kernels that every model has, and their table. */
export function kernelsVersion(): Promise<string> {
  return digest(import.meta.env.OCTAVO_SOURCES ?? JSON.stringify([shaderTexts, candidates]))
}

/** What a proof is about: the WGSL of these pipelines, of kernels too that are fetched for some models only. */
export function provenOf(pipelines: readonly { readonly code: string }[]): Promise<string> {
  return digest([...new Set(pipelines.map(({ code }) => code))].sort().join('\n'))
}

function digest(text: string): Promise<string> {
  return sha256(new TextEncoder().encode(text))
}

/** What was kept, or null where it is not such a choice, or one of points that this device does not have. */
export async function readTactics(
  store: TacticsStore,
  key: string,
  device: DeviceInfo,
): Promise<StoredTactics | null> {
  const value = (await store.get(key).catch(() => null)) as Partial<StoredTactics> | null | undefined
  try {
    if (!value || typeof value.proven !== 'string' || !isVariants(value.variants, device)) return null
    const { variants, proven, dropped, timed, whyNotTimed = null } = value
    const isWhole =
      Array.isArray(dropped) &&
      dropped.every(({ name, reason }) => typeof name === 'string' && typeof reason === 'string') &&
      Array.isArray(timed) &&
      timed.every(({ what, points }) => typeof what === 'string' && Array.isArray(points))
    return isWhole ? { variants, proven, dropped, timed, whyNotTimed } : null
  } catch {
    return null
  }
}

function isVariants(value: unknown, device: DeviceInfo): value is Variants {
  const variants = value as Variants
  const has = (points: readonly unknown[], point: unknown) =>
    points.some((each) => JSON.stringify(each) === JSON.stringify(point))
  return (
    typeof variants.name === 'string' &&
    kinds.every((kind) => has(candidatesFor(kind, device), variants[kind])) &&
    Object.entries(variants.tuned ?? {}).every(([tactic, point]) => {
      const kind = tunableKinds.find((each) => tactic.startsWith(`${each} `))
      return kind !== undefined && has(candidatesFor(kind, device) as readonly TunablePoint[], point)
    })
  )
}
