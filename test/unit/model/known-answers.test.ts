import { describe, expect, it } from 'vitest'
import { type Activation, activates } from '../../../src/kernels/activation'
import { headNorm } from '../../../src/kernels/heads'
import { attentionTokens, period } from '../../../src/model/proof/attention-inputs'
import { activated, gatedBy, numbers, xielu } from '../../../src/model/proof/curves'
import * as common from '../../../src/model/proof/known-answers'
import { type AttentionForm, attended, rowOf } from '../../../src/model/proof/known-attention'
import * as rare from '../../../src/model/proof/rare/known-answers'
import { activate, gated } from '../../reference/activation'
import { attention, biasBucket } from '../../reference/attention_prefill'
import { knownAnswers } from '../../reference/known_answers'
import { norm } from '../../reference/norm'

describe('what the self-proof demands is what the twins give', () => {
  it('of matrices and norms; `npm run answers` writes it', () => {
    const committed = { 'known-answers.ts': { ...common }, 'rare/known-answers.ts': { ...rare } }
    expect(committed).toEqual(knownAnswers())
  })

  it('of attention, whatever is done to scores', () => {
    const plain: AttentionForm = {
      ...{ norm: headNorm.none, keyNorm: headNorm.none, valueNorm: false, latent: null, cap: null },
      ...{ window: 0, causal: true, sink: null, biases: null },
    }
    const forms: readonly Partial<AttentionForm>[] = [
      {},
      { norm: headNorm.rms, keyNorm: headNorm.rmsOfAll },
      { norm: headNorm.layerNorm, keyNorm: headNorm.layerNorm, cap: 2 },
      { valueNorm: true, sink: 3 },
      { latent: 0.75, norm: headNorm.rmsOfLatent, keyNorm: headNorm.rmsOfLatent },
      { window: 16 },
      { causal: false, biases: Array.from({ length: 32 }, (_, bucket) => Math.sin(bucket)) },
      { causal: false, window: 9, sink: -1 },
    ]
    for (const changes of forms) {
      const form = { ...plain, ...changes }
      for (const [token, factor] of [
        [69, 1],
        [67, -1.5],
      ] as const) {
        const { output, visible } = byTwin(form, token, factor)
        expect(visible).toBeGreaterThan(0)
        attended(form, token, factor).forEach((value, i) => {
          expect(value, JSON.stringify([changes, token, i])).toBeCloseTo(output[i]!, 9)
        })
      }
    }
  })

  it('of every activation', () => {
    const activations: readonly Activation[] = [
      ...(['none', 'silu', 'gelu', 'gelu-tanh', 'relu', 'relu-squared', 'quick-gelu'] as const).map(
        (kind) => ({ kind }),
      ),
      ...(['tanh', 'sigmoid'] as const).map((kind) => ({ kind })),
      { kind: 'xielu', at: 0 },
      { kind: 'scaled-silu', alpha: numbers.alpha },
      { kind: 'clamped-swiglu', ...numbers },
    ]
    for (const activation of activations) {
      const { constants } = activates(activation)
      for (let x = -6; x <= 6; x += 0.37) {
        expect(gatedBy(constants.activation, x, 2.5 - x), activation.kind).toBeCloseTo(
          gated(activation, x, 2.5 - x, xielu),
          5,
        )
        if (activation.kind !== 'clamped-swiglu')
          expect(activated(constants.activation, x), activation.kind).toBeCloseTo(
            activate(activation, x, xielu),
            6,
          )
      }
    }
  })
})

/** Attention of one known query by its twin. */
function byTwin(form: AttentionForm, token: number, factor: number) {
  const normed = (row: Float64Array, kind: number): ArrayLike<number> =>
    kind === headNorm.none ? row : norm(row, 0, { centered: kind === headNorm.layerNorm })
  const { latent, window, causal } = form
  const away = (key: number) => token - key
  const visible = Array.from({ length: attentionTokens }, (_, key) => key).filter((key) => {
    if (causal) return key <= token && (window === 0 || away(key) < window)
    return window === 0 || Math.abs(away(key)) <= window
  })
  const query = [
    ...Array.from(normed(rowOf('query', token), latent === null ? form.norm : headNorm.none)),
  ].map((value) => factor * value)
  const keys = visible.map((key) => {
    const raw = rowOf('key', key)
    const own = Array.from(normed(raw, latent === null ? form.keyNorm : headNorm.rms))
    return latent === null ? own : own.map((value, i) => latent * value + (1 - latent) * raw[i]!)
  })
  const values = visible.map((key) => {
    if (latent !== null) return normed(rowOf('key', key), headNorm.rms)
    return normed(rowOf('value', key), form.valueNorm ? headNorm.rms : headNorm.none)
  })
  const { output } = attention(
    query,
    keys,
    values,
    (dot, place) => {
      const score = dot + (form.biases?.[biasBucket(visible[place]! - token)] ?? 0)
      return form.cap === null ? score : form.cap * Math.tanh(score / form.cap)
    },
    form.sink,
  )
  expect(output.length).toBe(period)
  return { output, visible: visible.length }
}
