import { expect, inject } from 'vitest'
import type { EncoderSequence } from '../../src/model/encoder-step'
import type { JsonObject, RepoModule } from '../../src/util/model-file'
import type { ArchCase } from './arch-golden'
import { fetchRepo, type Repo } from './safetensors-repo'

/** What an encoder makes of a sequence, see test/golden/arch/README.md. Vectors have length 1. */
interface EncoderOutputs {
  readonly mean_pooled?: readonly number[]
  readonly cls_pooled?: readonly number[]
  readonly last_pooled?: readonly number[]
  /** Of a model that scores. */
  readonly logits?: readonly number[]
}

/** `golden.json` of an encoder. */
export interface EncoderGolden {
  /** Standard deviation of hidden states, or of logits. */
  readonly output_std: number
  readonly sequences: readonly (EncoderOutputs & {
    readonly input_ids: readonly number[]
    readonly token_type_ids?: readonly number[]
    /** [layers + 1, tokens, hidden]: after the embedding and after each layer, the last one after the final norm. */
    readonly hidden_states?: readonly (readonly (readonly number[])[])[]
  })[]
  /** The same sequences, padded to one length. */
  readonly batch: {
    readonly input_ids: readonly (readonly number[])[]
    readonly attention_mask: readonly (readonly number[])[]
    readonly token_type_ids?: readonly (readonly number[])[]
  } & { readonly [Name in keyof EncoderOutputs]: readonly (readonly number[])[] }
}

export type GoldenPooling = 'mean' | 'cls' | 'last'

/** Encoders and rerankers that the project holds; all of them where OCTAVO_GOLDEN names the reference data. */
const root = inject('allGolden') ? '/shared-golden/arch' : '/golden/arch'

export async function archJson<T>(path: string): Promise<T> {
  const response = await fetch(`${root}/${path}`)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

/** The cases of models that read whole texts. */
export async function encoderCases(): Promise<readonly ArchCase[]> {
  const { cases } = await archJson<{ cases: readonly ArchCase[] }>('index.json')
  return cases.filter(({ kind }) => kind !== 'causal')
}

export async function openEncoder(name: string): Promise<Repo> {
  const config = await archJson<JsonObject>(`${name}/config.json`)
  return fetchRepo([`${root}/${name}/model.safetensors`], config)
}

const fields = {
  mean: 'pooling_mode_mean_tokens',
  cls: 'pooling_mode_cls_token',
  last: 'pooling_mode_lasttoken',
} as const

/** The repo with the modules that pool so. */
export function pooled({ header, bytes }: Repo, pooling: GoldenPooling): Repo {
  const named = (name: string, path: string, config: JsonObject | null): RepoModule => ({
    type: `sentence_transformers.models.${name}`,
    path,
    config,
  })
  const modules = [
    named('Transformer', '', null),
    named('Pooling', '1_Pooling', { [fields[pooling]]: true }),
    named('Normalize', '2_Normalize', null),
  ]
  const sentenceTransformers = { ...header.texts.sentenceTransformers, modules }
  return { header: { ...header, texts: { ...header.texts, sentenceTransformers } }, bytes }
}

export function sequencesOf(sequences: EncoderGolden['sequences']): EncoderSequence[] {
  return sequences.map(({ input_ids, token_type_ids }) => ({
    ids: input_ids,
    types: token_type_ids ?? input_ids.map(() => 0),
  }))
}

/** The padded sequences without their padding. */
export function batchOf({ batch }: EncoderGolden): EncoderSequence[] {
  return batch.input_ids.map((ids, i) => {
    const isReal = (_: number, at: number) => batch.attention_mask[i]![at] === 1
    return {
      ids: ids.filter(isReal),
      types: (batch.token_type_ids?.[i] ?? ids.map(() => 0)).filter(isReal),
    }
  })
}

/** The greatest difference of two rows. */
export function furthest(got: ArrayLike<number>, expected: readonly number[]): number {
  expect(got.length).toBe(expected.length)
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - got[i]!)), 0)
}
