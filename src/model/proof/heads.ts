import type { Pipeline } from '../../gpu/pipeline'
import { visibleSplits } from '../../kernels/attention'
import { headConstants, plainHeads } from '../../kernels/heads'
import { kvBits, kvRegionWords } from '../../kernels/kv-format'
import type { KvFormat } from '../../util/kv-format'
import { blockSize } from '../kv-cache'
import { attentionTokens } from './attention-inputs'
import { cap, firstQuery, growth, has, KnownHeads, queries } from './known-heads'
import { merged } from './made-inputs'
import { productActivations, productShape } from './product-inputs'
import type { Trial } from './trial'
import type { Trials } from './trials'

/** The sequence's blocks lie in no order. */
const table = [2, 0, 1]

/** Whether both have the same of some numbers that both are compiled with, except their lanes. */
function agree(one: Pipeline, other: Pipeline, names: readonly string[] = one.kernel.constants): boolean {
  return names.every(
    (name) =>
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
  const [ropes, decodes, combines, prefills] = [
    of('rope_kv'),
    of('attention_decode'),
    of('attention_combine'),
    of('attention_prefill'),
  ]
  const writers = ropes.filter(({ variant }) => variant.constants.writes_kv === 1)
  const layers = writers.map((rope) => new KnownLayer(trials, rope, null))
  for (const rope of ropes.filter((each) => !writers.includes(each))) {
    // It reads the cache of a layer that is like its own.
    const writer = layers.find((layer) => agree(rope, layer.rope, headConstants))
    if (writer) layers.push(new KnownLayer(trials, rope, writer))
  }
  const found = combines.map((combine) => tryCombining(trials, combine))
  for (const layer of layers) {
    const agrees = (other: Pipeline) => agree(layer.rope, other)
    found.push(layer.queries())
    for (const prefill of prefills.filter(agrees)) found.push(layer.prefill(prefill))
    for (const decode of decodes.filter(agrees)) {
      const combine = combines.find((each) => agree(decode, each))
      if (combine) found.push(layer.decode(decode, combine))
    }
  }
  return found
}

/** Lets the kernel that merges splits merge what adds up to the known activations. */
function tryCombining(trials: Trials, pipeline: Pipeline): Trial {
  const { heads, value_dim } = pipeline.variant.constants as Record<'heads' | 'value_dim', number>
  const { tokens, columns } = productShape
  const width = heads * value_dim
  const { buffers, params } = merged(trials, pipeline.variant.conditions ?? {}, { heads, value_dim })
  const y = trials.buffer('y', tokens * width)
  trials.run(
    pipeline,
    { partials: buffers.x, batch: buffers.routes, constants: buffers.constants, y },
    { ...params, y_stride: width / 4 },
    { tiles: tokens },
  )
  const x = productActivations()
  const values = Array.from({ length: tokens * width }, (_, i) => {
    const [token, at] = [Math.floor(i / width), i % width]
    return at < columns ? x[token * columns + at]! : 0
  })
  return trials.expects(pipeline, y, values)
}

/** A sequence in a cache of its own, as one `rope_kv` pipeline writes it; or its queries alone, and the cache of another layer. */
class KnownLayer {
  readonly rope: Pipeline
  readonly #trials: Trials
  readonly #known: KnownHeads
  readonly #cache: GPUBuffer
  readonly #q: GPUBuffer
  readonly #small: GPUBuffer
  readonly #valuesAt: number
  readonly #outputs: number

  constructor(trials: Trials, rope: Pipeline, writer: KnownLayer | null) {
    this.#trials = trials
    this.rope = rope
    const known = new KnownHeads(rope, (writer ?? this).rope)
    this.#known = known
    const { heads, kv_heads, head_dim, value_dim, query_from, kv_bits } = known.constants
    const format = (Object.keys(kvBits) as KvFormat[]).find((name) => kvBits[name] === kv_bits)!
    this.#outputs = heads * value_dim
    this.#valuesAt = table.length * kv_heads * kvRegionWords(format, head_dim, blockSize)
    this.#cache = writer ? writer.#cache : trials.buffer('cache', 2 * this.#valuesAt)
    this.#q = trials.buffer('q', known.latentQueries())
    this.#small = trials.buffer('constants', known.small())
    const own = (head_dim - query_from) / 4
    const [keys, values] = [head_dim / 4, known.isLatent ? 0 : value_dim / 4]
    const row_quads = heads * own + kv_heads * (keys + values)
    const positions = Uint32Array.from({ length: 2 * attentionTokens }, (_, i) =>
      i < attentionTokens ? i : slotOf(i - attentionTokens),
    )
    trials.run(
      rope,
      {
        qkv: trials.buffer('qkv', known.projected(4 * row_quads)),
        rope: trials.buffer('rope', known.turns()),
        batch: trials.buffer('batch', positions),
        constants: this.#small,
        q: this.#q,
        cache: this.#cache,
      },
      {
        ...plainHeads.params,
        row_quads,
        q_at: 0,
        q_stride: own,
        k_at: heads * own,
        k_stride: keys,
        v_at: heads * own + kv_heads * keys,
        v_stride: values,
        positions_at: 0,
        slots_at: attentionTokens,
        values_at: this.#valuesAt,
        rope_quads: head_dim / 4,
        k_norm_at: known.places.keys,
        ...growth,
        scale: known.scale,
        clip: 1e9,
      },
      { tokens: attentionTokens },
    )
  }

  /** What `rope_kv` makes of the last tokens' queries. */
  queries(): Trial {
    const { heads, head_dim } = this.#known.constants
    const from = firstQuery * heads * head_dim
    return this.#trials.expects(this.rope, this.#q, this.#known.queries(), { what: 'queries', from })
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
    return this.#trial(pipeline, y, has(pipeline, 'sinks'))
  }

  decode(pipeline: Pipeline, combine: Pipeline): Trial {
    const { heads, value_dim, window } = pipeline.variant.constants as Record<string, number>
    const splits = visibleSplits(attentionTokens, window!)
    const partials = this.#trials.buffer('partials', queries * heads! * splits * (4 + value_dim!))
    this.#attend(pipeline, tilesOf(1), partials, splits)
    const y = this.#attend(combine, tilesOf(1), partials, splits)
    return { ...this.#trial(pipeline, y, has(combine, 'sinks')), combinedBy: combine }
  }

  #attend(pipeline: Pipeline, tiles: readonly Tile[], partials = this.#q, splits = 0): GPUBuffer {
    const words = tiles.flatMap(({ row, count }) => [row, count, row, 0, attentionTokens])
    const y = this.#trials.buffer('attended', attentionTokens * this.#outputs)
    const { sinks, biases } = this.#known.places
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
        sinks_at: sinks,
        bias_at: biases,
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

  #trial(pipeline: Pipeline, y: GPUBuffer, sinks: boolean): Trial {
    const { kv_bits } = this.#known.constants
    const { window, causal = 1 } = pipeline.variant.constants
    const form = [window, causal, has(pipeline, 'softcap'), has(pipeline, 'position_bias'), sinks]
    return {
      ...this.#trials.expects(pipeline, y, this.#known.attended(pipeline, sinks), {
        tolerance: kv_bits >= 16 ? 4e-3 : kv_bits === 4 && this.#known.isNormed ? 0.2 : 0.03,
        from: firstQuery * this.#outputs,
      }),
      filledBy: this.rope,
      name: `attention ${JSON.stringify([this.rope.variant, form])}`,
    }
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
