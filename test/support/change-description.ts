import type { ModelDescription } from '../../src/model/description'
import type { Random } from './gpu-random'

/** A number, a switch or a choice of a description, by where it stands. */
export interface Leaf {
  readonly path: string
  /** What becomes of it. */
  readonly to: unknown
  readonly set: (description: ModelDescription) => void
}

type Change = (value: never, all: Readonly<Record<string, unknown>>) => unknown

const swap =
  (one: unknown, other: unknown): Change =>
  (value) =>
    value === one ? other : one
const flip: Change = (value) => !value
const times =
  (factor: number): Change =>
  (value: number) =>
    value * factor

/** What can be changed without another shape of any tensor, and how; `undefined`: it stays as it is. */
const changes: Readonly<Record<string, Change>> = {
  epsilon: (value: number) => value + 0.3,
  // A latent cache has no V, and a layer that reads another's has none to normalize.
  valueNorm: (value: number | null, { latent, sharesKvOf }) =>
    latent || typeof sharesKvOf === 'number' ? undefined : (value ?? -0.29) + 0.3,
  scale: times(1.4),
  magnitude: times(1.3),
  // Beside others for longer contexts they are not those of the context that the test has; the reference data have both.
  frequencies: (value: readonly number[], { long }) =>
    long ? undefined : value.map((each) => each * 1.5 + 0.01),
  pairs: swap('halves', 'neighbours'),
  window: (value: number | null) => (value === null ? 5 : Math.max(1, value - 5)),
  softCap: (value: number | null) => (value === null ? 0.7 : value * 0.6),
  // Over all heads there is the one kind, and before the rotation only.
  afterRope: (value: boolean, { over }) => (over === 'all' ? undefined : !value),
  plusOne: flip,
  cutoff: (value: number | null | undefined) => (value ?? 0) + 0.3,
  projectionScale: times(1.4),
  sumScale: times(1.4),
  // Of two streams the other one.
  active: (value: number) => 1 - value,
  beta: times(3),
  gateFirst: flip,
  partScales: (value: readonly number[]) => value.map((each) => each * 1.3),
  scales: (value: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(value).map(([name, each]) => [name, each * 1.3])),
  dtLimit: () => [0.5, 0.6],
  scores: swap('softmax', 'sigmoid'),
  renormalizeEps: (value: number | null) => (value === null ? 0 : null),
  interleaved: flip,
  activation: (value: { readonly kind: string }) => ({ kind: value.kind === 'relu' ? 'silu' : 'relu' }),
}

/** Every leaf of a description that has a change. */
export function changeable(description: ModelDescription): Leaf[] {
  const leaves: Leaf[] = []
  const seen = new Set<object>()
  const walk = (value: unknown, path: readonly string[]) => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    seen.add(value)
    const all = value as Readonly<Record<string, unknown>>
    for (const [key, each] of Object.entries(all)) {
      const at = [...path, key]
      const change = changes[key]
      const to = change?.(each as never, all)
      if (to === undefined) {
        walk(each, at)
        continue
      }
      const set = (other: ModelDescription) => {
        let parent: unknown = other
        for (const name of path) parent = (parent as Record<string, unknown>)[name]
        ;(parent as Record<string, unknown>)[key] = to
      }
      leaves.push({ path: at.join('.'), to, set })
    }
  }
  walk(description, [])
  return leaves
}

/** Some leaves, no two of one kind unless there are no more kinds. */
export function someOf(leaves: readonly Leaf[], count: number, random: Random): Leaf[] {
  const kinds = new Map<string, Leaf[]>()
  for (const leaf of leaves) {
    const kind = leaf.path.replaceAll(/\d+/g, '#')
    kinds.set(kind, [...(kinds.get(kind) ?? []), leaf])
  }
  const left = [...kinds.values()]
  const chosen: Leaf[] = []
  while (chosen.length < count && left.length > 0) {
    const [kind] = left.splice(random.integer(left.length), 1)
    chosen.push(kind![random.integer(kind!.length)]!)
  }
  return chosen
}
