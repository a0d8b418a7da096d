import type { Pipeline } from '../../gpu/pipeline'
import { headNorm } from '../../kernels/heads'
import { attentionTokens, period } from './attention-inputs'
import { attended, normalized, rowOf } from './known-attention'

/** The last tokens of the sequence ask. */
export const queries = 3
export const firstQuery = attentionTokens - queries
export const cap = 2
export const growth = { scale_beta: 0.5, scale_span: 16 }
const sink = 3
/** Of each bucket of distances. */
const biases = Array.from({ length: 32 }, (_, bucket) => (((7 * bucket) % 11) - 5) / 4)
/** What normalized queries and keys are multiplied by: scores stay what they were. */
const weights = { query: 2, key: 0.5 }

export function has({ variant }: Pipeline, condition: string): boolean {
  return variant.conditions?.[condition] ?? false
}

function signOf(head: number): 1 | -1 {
  return head % 2 === 0 ? 1 : -1
}

/** What one `rope_kv` pipeline is given, and what it and the kernels of attention must make of it. */
export class KnownHeads {
  readonly #rope: Pipeline
  /** What has written keys and values. */
  readonly #writer: Pipeline
  readonly constants: Readonly<Record<HeadNumber, number>>

  constructor(rope: Pipeline, writer: Pipeline) {
    this.#rope = rope
    this.#writer = writer
    this.constants = rope.variant.constants as KnownHeads['constants']
  }

  /** Heads that repeat themselves have products that grow with their number of elements. */
  get scale(): number {
    return period / this.constants.head_dim
  }

  get isLatent(): boolean {
    return this.constants.latent === 1
  }

  /** Whether what comes into the cache is not what it holds exactly. */
  get isNormed(): boolean {
    return this.#writer.variant.constants.norm !== headNorm.none || has(this.#writer, 'value_norm')
  }

  /** Whether what comes out is known: where heads are normalized after they were turned, their mean is another. */
  get #isKnown(): boolean {
    return this.constants.norm !== headNorm.layerNorm || !has(this.#rope, 'norm_after_rope')
  }

  /** Words of the constants from which the key's weights, the sinks and the biases lie. */
  get places(): Readonly<Record<'keys' | 'sinks' | 'biases', number>> {
    const { heads, kv_heads, head_dim } = this.constants
    const keys = Math.max(heads, kv_heads) * head_dim
    return { keys, sinks: 2 * keys, biases: 2 * keys + heads }
  }

  small(): Float32Array<ArrayBuffer> {
    const { keys, sinks, biases: end } = this.places
    const all = new Float32Array(end + 32 * this.constants.heads)
    all
      .fill(weights.query, 0, keys)
      .fill(this.isLatent ? 1 : weights.key, keys, sinks)
      .fill(sink, sinks, end)
    return all.map((value, i) => (i < end ? value : biases[Math.floor((i - end) / this.constants.heads)]!))
  }

  /** What a token's queries of a head are multiplied by beside the scale. */
  #factor(token: number, head: number): number {
    const { scale_beta, scale_span } = growth
    const grown = 1 + scale_beta * Math.log(1 + Math.floor(token / scale_span))
    return signOf(head) * (has(this.#rope, 'scales_by_position') ? grown : 1)
  }

  /** Of an element of the queries [tokens, heads, head dim]. */
  #placeOf(i: number): readonly [token: number, head: number, element: number] {
    const { heads, head_dim } = this.constants
    const row = Math.floor(i / head_dim)
    return [Math.floor(row / heads), row % heads, i % head_dim]
  }

  /** Of latent queries, what another kernel has written: [tokens, heads, head dim], the rest is zero. */
  latentQueries(): Float32Array<ArrayBuffer> {
    const { heads, head_dim, query_from } = this.constants
    const rows = new Float32Array(attentionTokens * heads * head_dim)
    if (query_from === 0) return rows
    return rows.map((_, i) => {
      const [token, head, e] = this.#placeOf(i)
      if (e >= query_from) return 0
      return (
        this.scale * this.#factor(token, head) * rowOf('query', token)[(e + this.#kvHead(head)) % period]!
      )
    })
  }

  /** Each head's elements begin at another place of the period, and every other query is negative. */
  projected(width: number): Float32Array<ArrayBuffer> {
    const { heads, kv_heads, head_dim, value_dim, query_from } = this.constants
    const rows = new Float32Array(attentionTokens * width)
    for (let token = 0; token < attentionTokens; token++) {
      let at = token * width
      const put = (from: Float64Array, first: number, dim: number, turn: number, sign: number) => {
        for (let e = first; e < dim; e++) rows[at++] = sign * from[(e + turn) % period]!
      }
      for (let head = 0; head < heads; head++)
        put(rowOf('query', token), query_from, head_dim, this.#kvHead(head), signOf(head))
      for (let head = 0; head < kv_heads; head++) put(rowOf('key', token), 0, head_dim, head, 1)
      for (let head = 0; !this.isLatent && head < kv_heads; head++)
        put(rowOf('value', token), 0, value_dim, head, 1)
    }
    return rows
  }

  /** Cosine and sine of one angle for all positions: scores stay what they were; null turns where the cache is coarse. */
  get #angle(): readonly [cosine: number, sine: number] {
    return this.constants.kv_bits >= 16 ? [0.6, 0.8] : [1, 0]
  }

  turns(): Float32Array<ArrayBuffer> {
    const length = attentionTokens * this.constants.head_dim
    return Float32Array.from({ length }, (_, i) => this.#angle[i % 2]!)
  }

  #kvHead(head: number): number {
    const { heads, kv_heads } = this.constants
    return Math.floor(head / (heads / kv_heads))
  }

  /** The last tokens' queries: [queries, heads, head dim], NaN where they are not known. */
  queries(): number[] {
    const { heads, head_dim, rope_dim, rope_from, query_from, norm, norm_weights } = this.constants
    const normed = norm !== headNorm.none && !this.isLatent
    const halves = has(this.#rope, 'rope_halves')
    const [cosine, sine] = this.#angle
    return Array.from({ length: queries * heads * head_dim }, (_, i) => {
      const [token, head, e] = this.#placeOf(firstQuery * heads * head_dim + i)
      const row = normalized(rowOf('query', token), normed ? norm : headNorm.none)
      const own = (element: number) => row[(element + this.#kvHead(head)) % period]!
      const weight = normed && norm_weights !== 0 ? weights.query : 1
      const factor = this.#isKnown ? this.scale * this.#factor(token, head) * weight : Number.NaN
      const place = e - rope_from
      if (e < query_from || place < 0 || place >= rope_dim) return factor * own(e)
      const isFirst = halves ? place < rope_dim / 2 : place % 2 === 0
      const pair = (halves ? rope_dim / 2 : 1) * (isFirst ? 1 : -1)
      return factor * (own(e) * cosine - own(e + pair) * (isFirst ? sine : -sine))
    })
  }

  /** What a kernel of attention must make of the last tokens: [queries, heads, value dim], NaN where it is not known. */
  attended(pipeline: Pipeline, sinks: boolean): number[] {
    const { heads, value_dim, head_dim, norm } = this.constants
    const { window = 0, causal = 1 } = pipeline.variant.constants
    const form = {
      norm,
      keyNorm: this.#writer.variant.constants.norm!,
      valueNorm: has(this.#writer, 'value_norm'),
      latent: this.isLatent ? value_dim / head_dim : null,
      cap: has(pipeline, 'softcap') ? cap : null,
      window,
      causal: causal === 1,
      sink: sinks ? sink : null,
      biases: has(pipeline, 'position_bias') ? biases : null,
    }
    return Array.from({ length: queries }, (_, i) => {
      const token = firstQuery + i
      const ofSigns = [0, 1].map((head) => attended(form, token, this.#factor(token, head)))
      return Array.from({ length: heads * value_dim }, (_, at) => {
        const head = Math.floor(at / value_dim)
        const element = (at % value_dim) + this.#kvHead(head)
        return this.#isKnown ? ofSigns[head % 2]![element % period]! : Number.NaN
      })
    }).flat()
  }
}

type HeadNumber =
  | 'heads'
  | 'kv_heads'
  | 'head_dim'
  | 'value_dim'
  | 'latent'
  | 'kv_bits'
  | 'rope_dim'
  | 'rope_from'
  | 'query_from'
  | 'norm'
  | 'norm_weights'
