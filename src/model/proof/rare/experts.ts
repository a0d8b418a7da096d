import type { Pipeline } from '../../../gpu/pipeline'
import type { Trial } from '../trial'
import type { Trials } from '../trials'
import { eighths } from './eighths'

/** In place of no entry, whose bits are no number as a float's. */
const none = 1e6
const noEntry = 0xffffffff

const tokens = 3
const [eps, scale] = [0.125, 1.5]

/** The numbers of the greatest values, greatest first; of equal ones the first. */
function greatest(values: readonly number[], count: number): number[] {
  const order = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b)
  return order.slice(0, count)
}

/** Lets tokens choose experts by logits of which no two are alike, and by corrections that change the choice. */
export function tryRouting(trials: Trials, pipeline: Pipeline): readonly Trial[] {
  const { experts, top, groups, top_groups } = pipeline.variant.constants as Record<
    'experts' | 'top' | 'groups' | 'top_groups',
    number
  >
  const { logistic, corrected, best_two, renormalized } = pipeline.variant.conditions ?? {}
  // A prime that no number of experts is a multiple of: each token has all of some values, in another order.
  const logitOf = (token: number, expert: number) =>
    (((token + 1) * 1009 * expert) % experts) * (4 / experts) - 2
  const corrections = Float32Array.from({ length: experts }, (_, expert) => ((5 * expert) % 7) / 8)
  const logits = Float32Array.from({ length: tokens * experts }, (_, i) =>
    logitOf(Math.floor(i / experts), i % experts),
  )
  const routes = trials.buffer('routes', 1 + tokens * top)
  const shares = trials.buffer('shares', tokens * top)
  const constants = Float32Array.from([9, ...corrections])
  trials.run(
    pipeline,
    {
      logits: trials.buffer('logits', logits),
      constants: trials.buffer('constants', constants),
      routes,
      shares,
    },
    { correction_at: 1, eps, scale },
    { tokens },
  )
  const chosen: number[] = [tokens * top]
  const expected: number[] = []
  for (let token = 0; token < tokens; token++) {
    const own = [...logits.subarray(token * experts, (token + 1) * experts)]
    const exponents = own.map(Math.exp)
    const sum = exponents.reduce((total, each) => total + each)
    const scores = exponents.map((each) => (logistic ? each / (1 + each) : each / sum))
    let choices = scores.map((score, expert) => score + (corrected ? corrections[expert]! : 0))
    if (groups > 1) {
      const members = experts / groups
      const worth = Array.from({ length: groups }, (_, group) => {
        const [first = 0, next = 0] = choices
          .slice(group * members, (group + 1) * members)
          .sort((a, b) => b - a)
        return best_two ? first + next : first
      })
      const kept = greatest(worth, top_groups)
      choices = choices.map((choice, expert) => (kept.includes(Math.floor(expert / members)) ? choice : 0))
    }
    const best = greatest(choices, top)
    const divisor = renormalized ? best.reduce((total, expert) => total + scores[expert]!, eps) : 1
    chosen.push(...best)
    expected.push(...best.map((expert) => (scores[expert]! / divisor) * scale))
  }
  const numbers = new Float32Array(Uint32Array.from(chosen).buffer)
  return [
    trials.expects(pipeline, routes, numbers, { what: 'routes', tolerance: 0 }),
    trials.expects(pipeline, shares, expected, { what: 'shares', tolerance: 1e-5 }),
  ]
}

/** Lets entries be sorted into tiles: their order within an expert is left to the lanes. */
export function tryTiling(trials: Trials, pipeline: Pipeline): Trial {
  const { experts, tokens_per_lane: lane } = pipeline.variant.constants as Record<
    'experts' | 'tokens_per_lane',
    number
  >
  const entries = 4 * lane + 3
  // Most are of the last expert, the others have an entry each.
  const expertOf = (entry: number) => (entry % 2 === 0 ? experts - 1 : entry % experts)
  const routes = Array.from({ length: entries }, (_, entry) => expertOf(entry))
  const tiles = [...new Set(routes)]
    .sort((a, b) => a - b)
    .flatMap((expert) => {
      const own = [...routes.keys()].filter((entry) => routes[entry] === expert)
      return Array.from({ length: Math.ceil(own.length / lane) }, (_, tile) => [
        expert,
        ...Array.from({ length: lane }, (_, i) => own[tile * lane + i] ?? none),
      ])
    })
  const to = trials.buffer('tiles', 1 + entries * (1 + lane))
  trials.run(
    pipeline,
    { routes: trials.buffer('routes', Uint32Array.from([entries, ...routes])), tiles: to },
    {},
    { entries },
  )
  const words = new Float32Array(Uint32Array.from([tiles.length, ...tiles.flat()]).buffer)
  return {
    ...trials.expects(pipeline, to, words, { what: 'tiles', tolerance: 0 }),
    arrange: (written) => {
      const placesOf = new Map<number, number[]>()
      for (let at = 1; at < written.length; at += 1 + lane) {
        const places = placesOf.get(written[at]!) ?? []
        placesOf.set(written[at]!, places)
        for (let i = 1; i <= lane; i++) places.push(at + i)
      }
      for (const places of placesOf.values()) {
        const sorted = places.map((at) => written[at]!).sort((a, b) => a - b)
        places.forEach((at, i) => {
          written[at] = sorted[i] === noEntry ? none : sorted[i]!
        })
      }
    },
  }
}

/** Lets what experts gave be summed by their shares. */
export function tryCombining(trials: Trials, pipeline: Pipeline): Trial {
  const { top } = pipeline.variant.constants as Record<'top', number>
  const [width, stride] = [150, 160]
  const parts = eighths(tokens * top * stride)
  const shares = eighths(tokens * top, 7)
  const before = 0.5
  const y = trials.buffer('y', new Float32Array(tokens * stride).fill(before))
  trials.run(
    pipeline,
    { parts: trials.buffer('parts', parts), shares: trials.buffer('shares', shares), y },
    { width, parts_stride: stride, y_stride: stride, scale },
    { tokens, width },
  )
  const values = Array.from({ length: tokens * stride }, (_, at) => {
    const [token, i] = [Math.floor(at / stride), at % stride]
    if (i >= width) return before
    let sum = 0
    for (let k = token * top; k < (token + 1) * top; k++) sum += shares[k]! * parts[k * stride + i]!
    return scale * sum + (pipeline.variant.conditions?.residual ? before : 0)
  })
  return trials.expects(pipeline, y, values)
}
