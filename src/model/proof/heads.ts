import type { Pipeline } from '../../gpu/pipeline'
import { visibleSplits } from '../../kernels/attention'
import { headNorm, plainHeads } from '../../kernels/heads'
import { kvBits, kvRegionWords } from '../../kernels/kv-format'
import { fusedRow } from '../../kernels/rope-kv'
import type { KvFormat } from '../../util/kv-format'
import { blockSize } from '../kv-cache'
import { attentionRows, attentionTokens, period } from './attention-inputs'
import { attention as answers } from './known-answers'
import type { KnownValue, Trial } from './trial'
import type { Trials } from './trials'

/** The last tokens of the sequence ask. */
const queries = 3
const firstQuery = attentionTokens - queries
/** The sequence's blocks lie in no order. */
const table = [2, 0, 1]
const cap = 2

type Constants = Readonly<Record<string, number>>

/** Whether both may be of one layer: they have the same numbers of what both are compiled with, except their lanes. */
function agree(one: Pipeline, other: Pipeline): boolean {
  return one.kernel.constants.every(
    (name: string) =>
      name === 'workgroup_size' ||
      name === 'most_heads' ||
      !(other.kernel.constants as readonly string[]).includes(name) ||
      one.variant.constants[name] === other.variant.constants[name],
  )
}

/**
 * Lets `rope_kv` fill a cache with a sequence that is known, and the kernels of attention read it: heads repeat themselves, so
 * that what comes out does not depend on how many elements they have.
 */
export function tryHeads(trials: Trials, pipelines: readonly Pipeline[]): readonly Trial[] {
  const of = (shader: string) => pipelines.filter(({ kernel }) => kernel.shader === shader)
  const [decodes, combines, prefills] = [
    of('attention_decode'),
    of('attention_combine'),
    of('attention_prefill'),
  ]
  return of('rope_kv').flatMap((rope) => {
    const { constants } = rope.variant
    // Layers that read another one's cache write none; latent ones keep no V.
    if (constants.writes_kv !== 1 || constants.latent === 1) return []
    const agrees = (other: Pipeline) => agree(rope, other)
    const layer = new KnownLayer(trials, rope)
    const found: Trial[] = []
    for (const prefill of prefills.filter(agrees)) found.push(layer.prefill(prefill))
    for (const decode of decodes.filter(agrees)) {
      const softcap = decode.variant.conditions?.softcap ?? false
      const combine = combines.find(
        (each) => agree(decode, each) && (each.variant.conditions?.softcap ?? false) === softcap,
      )
      if (combine) found.push(layer.decode(decode, combine))
    }
    return found
  })
}

/** A sequence in a cache of its own, as one `rope_kv` pipeline writes it. */
class KnownLayer {
  readonly #trials: Trials
  readonly #rope: Pipeline
  readonly #constants: Constants
  readonly #cache: GPUBuffer
  readonly #q: GPUBuffer
  readonly #small: GPUBuffer
  readonly #valuesAt: number
  readonly #sinksAt: number
  readonly #outputs: number
  readonly #normsValues: boolean

  constructor(trials: Trials, rope: Pipeline) {
    this.#trials = trials
    this.#rope = rope
    const { constants } = rope.variant
    this.#constants = constants
    const { heads, kv_heads, head_dim, value_dim, kv_bits } = constants as Record<string, number>
    const format = (Object.keys(kvBits) as KvFormat[]).find((name) => kvBits[name] === kv_bits)!
    this.#outputs = heads! * value_dim!
    this.#normsValues = rope.variant.conditions?.value_norm ?? false
    this.#valuesAt = table.length * kv_heads! * kvRegionWords(format, head_dim!, blockSize)
    this.#cache = trials.buffer('cache', 2 * this.#valuesAt)
    this.#q = trials.buffer('q', attentionTokens * heads! * head_dim!)
    const width = Math.max(heads!, kv_heads!) * head_dim!
    // Weights of one, biases and biases of positions of zero, and sinks that take nothing.
    const zerosAt = width + heads!
    const small = new Float32Array(zerosAt + Math.max(width, 32 * heads!)).fill(1, 0, width)
    small.fill(-1e30, width, zerosAt)
    this.#sinksAt = width
    this.#small = trials.buffer('constants', small)
    const row = fusedRow(constants as Parameters<typeof fusedRow>[0])
    const positions = Uint32Array.from({ length: 2 * attentionTokens }, (_, i) =>
      i < attentionTokens ? i : slotOf(i - attentionTokens),
    )
    trials.run(
      rope,
      {
        qkv: trials.buffer('qkv', this.#rows(4 * row.row_quads)),
        rope: trials.buffer('rope', turns(attentionTokens * head_dim!, kv_bits! >= 16)),
        batch: trials.buffer('batch', positions),
        constants: this.#small,
        q: this.#q,
        cache: this.#cache,
      },
      {
        ...plainHeads.params,
        ...row,
        positions_at: 0,
        slots_at: attentionTokens,
        values_at: this.#valuesAt,
        rope_quads: head_dim! / 4,
        q_bias_at: zerosAt,
        k_bias_at: zerosAt,
        // Heads that repeat themselves have products that grow with their number of elements.
        scale: period / head_dim!,
        clip: 1e9,
      },
      { tokens: attentionTokens },
    )
  }

  /** Each head's elements begin at another place of the period, and every other query is negative. */
  #rows(width: number): Float32Array<ArrayBuffer> {
    const { heads, kv_heads, head_dim, value_dim } = this.#constants as Record<string, number>
    const rows = new Float32Array(attentionTokens * width)
    const [query, key, value] = [attentionRows('query'), attentionRows('key'), attentionRows('value')]
    for (let token = 0; token < attentionTokens; token++) {
      let at = token * width
      const put = (from: Float64Array, dim: number, turn: number, sign: number) => {
        for (let e = 0; e < dim; e++) rows[at + e] = sign * from[token * period + ((e + turn) % period)]!
        at += dim
      }
      for (let head = 0; head < heads!; head++) put(query, head_dim!, this.#kvHead(head), signOf(head))
      for (let head = 0; head < kv_heads!; head++) put(key, head_dim!, head, 1)
      for (let head = 0; head < kv_heads!; head++) put(value, value_dim!, head, 1)
    }
    return rows
  }

  #kvHead(head: number): number {
    const { heads, kv_heads } = this.#constants as Record<string, number>
    return Math.floor(head / (heads! / kv_heads!))
  }

  prefill(pipeline: Pipeline): Trial {
    const { heads, kv_heads, most_heads, workgroup_size } = pipeline.variant.constants as Record<
      string,
      number
    >
    const group = heads! / kv_heads!
    const headsEach = Math.ceil(group / Math.ceil(group / most_heads!))
    const size = Math.max(1, Math.min(queries, Math.floor(workgroup_size! / headsEach)))
    const y = this.#attend(pipeline, tilesOf(size))
    return this.#trial(pipeline, y)
  }

  decode(pipeline: Pipeline, combine: Pipeline): Trial {
    const { heads, value_dim, window } = pipeline.variant.constants as Record<string, number>
    const splits = visibleSplits(attentionTokens, window!)
    const partials = this.#trials.buffer('partials', queries * heads! * splits * (4 + value_dim!))
    this.#attend(pipeline, tilesOf(1), partials, splits)
    const y = this.#attend(combine, tilesOf(1), partials, splits)
    return { ...this.#trial(pipeline, y), combinedBy: combine }
  }

  #attend(pipeline: Pipeline, tiles: readonly Tile[], partials = this.#q, splits = 0): GPUBuffer {
    const { heads } = this.#constants as Record<string, number>
    const words = tiles.flatMap(({ row, count }) => [row, count, row, 0, attentionTokens])
    const y = this.#trials.buffer('attended', attentionTokens * this.#outputs)
    this.#trials.run(
      pipeline,
      {
        q: this.#q,
        cache: this.#cache,
        batch: this.#trials.buffer('batch', Uint32Array.from([...words, ...table])),
        constants: this.#small,
        partials,
        y,
      },
      {
        ...plainHeads.params,
        tiles_at: 0,
        tables_at: words.length,
        values_at: this.#valuesAt,
        y_stride: this.#outputs / 4,
        splits,
        cap,
        sinks_at: this.#sinksAt,
        bias_at: this.#sinksAt + heads!,
      },
      {
        tiles: tiles.length,
        tokens: queries,
        maxContext: attentionTokens,
        contextTokens: tiles.length * attentionTokens,
      },
    )
    return y
  }

  #trial(pipeline: Pipeline, y: GPUBuffer): Trial {
    const { kv_bits } = this.#constants as Record<string, number>
    const { window, causal } = pipeline.variant.constants
    const normed = this.#constants.norm !== headNorm.none || this.#normsValues
    const coarse = normed ? 0.2 : 0.03
    return {
      pipeline,
      filledBy: this.#rope,
      reading: this.#trials.read(y, 4 * attentionTokens * this.#outputs),
      from: firstQuery * this.#outputs,
      count: queries * this.#outputs,
      name: `attention ${JSON.stringify([this.#rope.variant, window, causal, softcaps(pipeline)])}`,
      known: this.#known(pipeline),
      tolerance: kv_bits! >= 16 ? 4e-3 : kv_bits === 8 ? 0.03 : coarse,
    }
  }

  /** The last token's heads. */
  #known(pipeline: Pipeline): KnownValue[] {
    const { heads, value_dim, norm } = this.#constants as Record<string, number>
    const { window } = pipeline.variant.constants
    const isKnown = norm === headNorm.none || norm === headNorm.rms || norm === headNorm.rmsOfAll
    if (!isKnown || (window! > 0 && window! < attentionTokens)) return []
    const name = [
      norm !== headNorm.none && 'normed',
      softcaps(pipeline) && 'capped',
      this.#normsValues && 'of normed values',
    ]
      .filter(Boolean)
      .join(' ')
    const values = answers[(name || 'plain') as keyof typeof answers]
    const last = (attentionTokens - 1) * this.#outputs
    return Array.from({ length: heads! * value_dim! }, (_, i) => {
      const head = Math.floor(i / value_dim!)
      const element = (i % value_dim!) + this.#kvHead(head)
      return { at: last + i, value: values[signOf(head) === 1 ? 0 : 1][element % period]! }
    })
  }
}

interface Tile {
  readonly row: number
  readonly count: number
}

/** The queries, so many at once. */
function tilesOf(size: number): Tile[] {
  return Array.from({ length: Math.ceil(queries / size) }, (_, i) => {
    const row = firstQuery + i * size
    return { row, count: Math.min(size, attentionTokens - row) }
  })
}

function slotOf(token: number): number {
  return table[Math.floor(token / blockSize)]! * blockSize + (token % blockSize)
}

function signOf(head: number): 1 | -1 {
  return head % 2 === 0 ? 1 : -1
}

function softcaps({ variant }: Pipeline): boolean {
  return variant.conditions?.softcap ?? false
}

/** Cosine and sine of one angle for all positions: scores stay what they were; null turns where the cache is coarse. */
function turns(floats: number, turning: boolean): Float32Array<ArrayBuffer> {
  const [cosine, sine] = turning ? [0.6, 0.8] : [1, 0]
  return Float32Array.from({ length: floats }, (_, i) => (i % 2 === 0 ? cosine : sine))
}
