import { headNorm } from '../../kernels/heads'
import { attentionRows, attentionTokens, period } from './attention-inputs'

/** What the kernels of a layer are compiled to do with scores, and what the known case tells them. */
export interface AttentionForm {
  /** Kinds of `headNorm`, of queries and of keys. */
  readonly norm: number
  readonly keyNorm: number
  readonly valueNorm: boolean
  /** Share of a key's elements that are the value as well, where the cache is latent; null: it is not. */
  readonly latent: number | null
  /** Scores become cap · tanh(score / cap); null: they stay. */
  readonly cap: number | null
  /** As the kernels have it; 0: none. */
  readonly window: number
  readonly causal: boolean
  /** A logit that brings no value; null: none. */
  readonly sink: number | null
  /** What is added to scores, by the bucket of the distance; null: nothing. */
  readonly biases: readonly number[] | null
}

type Row = Float64Array

/** A head that repeats the row, normalized as the kernels do it. */
export function normalized(row: Row, kind: number): Row {
  if (kind === headNorm.none) return row
  const mean =
    kind === headNorm.layerNorm
      ? dot(
          row,
          row.map(() => 1),
        ) / period
      : 0
  const centered = row.map((value) => value - mean)
  const deviation = Math.sqrt(dot(centered, centered) / period)
  return centered.map((value) => value / deviation)
}

/**
 * What the heads of the known tokens give, in doubles: a row [period] for the query of a token, times `factor`, over the
 * known keys and values.
 */
export function attended(form: AttentionForm, token: number, factor: number): Row {
  const { norm, keyNorm, valueNorm, latent, cap, window, causal, sink, biases } = form
  const query = normalized(rowOf('query', token), latent === null ? norm : headNorm.none)
  const sum = new Float64Array(period)
  let weights = sink === null ? 0 : Math.exp(sink)
  for (let key = 0; key < attentionTokens; key++) {
    const distance = token - key
    if (causal && distance < 0) continue
    if (window > 0 && (causal ? distance >= window : Math.abs(distance) > window)) continue
    const raw = rowOf('key', key)
    const normed = normalized(raw, latent === null ? keyNorm : headNorm.rms)
    const value =
      latent === null ? normalized(rowOf('value', key), valueNorm ? headNorm.rms : headNorm.none) : normed
    const share = latent ?? 1
    let score = factor * (share * dot(query, normed) + (1 - share) * dot(query, raw))
    if (biases) score += biases[bucketOf(distance)]!
    if (cap !== null) score = cap * Math.tanh(score / cap)
    const weight = Math.exp(score)
    weights += weight
    for (let i = 0; i < period; i++) sum[i]! += weight * value[i]!
  }
  return sum.map((value) => value / weights)
}

const rows = new Map<string, Row>()

/** The row of one known token. */
export function rowOf(kind: Parameters<typeof attentionRows>[0], token: number): Row {
  let all = rows.get(kind)
  if (!all) {
    all = attentionRows(kind)
    rows.set(kind, all)
  }
  return all.subarray(token * period, (token + 1) * period)
}

/** T5's bucket of a key so many tokens before the query (Raffel et al. 2020, arXiv:1910.10683), of 32 up to 128 tokens. */
function bucketOf(distance: number): number {
  const away = Math.abs(distance)
  const near = away < 8 ? away : Math.min(15, Math.floor(8 + 2 * Math.log2(away / 8)))
  return near + (distance < 0 ? 16 : 0)
}

function dot(one: Row, other: Row): number {
  return one.reduce((sum, value, i) => sum + value * other[i]!, 0)
}
