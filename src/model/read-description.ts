import type { ModelHeader } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { attentionIn } from './attention-in'
import { ConfigReader, shown, unsupported } from './config-reader'
import type { ModelDescription, PooledDescription } from './description'
import type { Family, ModelBody } from './families/family'
import { families } from './families/index'
import { labelsOf } from './families/labels'
import { ggufConfig } from './gguf-config'
import { lazyParts } from './lazy-parts'
import { modelTask } from './model-task'

/**
 * What a model is, from a GGUF file's metadata or a repo's config.json.
 *
 * @throws OctavoError 'unsupported-architecture', 'malformed-file'
 */
export function readDescription(header: ModelHeader): ModelDescription {
  const stems = new Set(header.tensors.flatMap(({ name }) => stemsOf(name)))
  const has = (stem: string) => stems.has(stem)
  if (header.kind === 'gguf') {
    const { architecture, name, config } = ggufConfig(header.metadata)
    const family = familyOf(architecture, 'gguf', 'The architecture')
    const body = family.describe(config, has)
    refuseUnread(config, architecture)
    return { architecture, name, ...finished(header, config, body) }
  }
  const { config: json } = header.texts
  const config = new ConfigReader(json, 'config.json')
  const architecture = config.text('model_type')
  const family = familyOf(architecture, 'modelTypes', "config.json's model_type")
  const name =
    typeof json._name_or_path === 'string' && json._name_or_path ? json._name_or_path : architecture
  const body = family.describe(config, has)
  refuseUnread(config, architecture)
  return { architecture, name, ...finished(header, config, body) }
}

/** Numbers that change what a model computes, by the value that changes nothing. */
const telling: Readonly<Record<string, number>> = {
  attention_multiplier: 0,
  attn_logit_softcapping: 0,
  clip_qkv: 0,
  embedding_multiplier: 1,
  final_logit_softcapping: 0,
  logit_scale: 1,
  logits_scaling: 1,
  num_experts: 0,
  num_local_experts: 0,
  query_pre_attn_scalar: 0,
  residual_multiplier: 1,
  sliding_window: 0,
}

/** A number that the family does not follow would be left out of the answer. */
function refuseUnread(config: ConfigReader, architecture: string): void {
  for (const [field, neutral] of Object.entries(telling)) {
    if (config.wasAsked(field) || !config.has(field)) continue
    const value = config.json[field]
    if (value === neutral || value === 0) continue
    throw unsupported(
      `${config.nameOf(field)} in ${config.where} is ${shown(value)}, which Octavo's '${architecture}' does not follow.`,
    )
  }
}

/** With what becomes of the last layer's rows: logits, a vector, or scores. */
function finished(
  header: ModelHeader,
  config: ConfigReader,
  { scoring, beside, ...body }: ModelBody,
): Omit<ModelDescription, 'architecture' | 'name'> {
  switch (modelTask(header)) {
    case 'generate':
      if (body.logits === null || attentionIn(body.layers).some(({ causal }) => !causal))
        throw unsupported(`${config.where} is of a model that cannot write.`)
      return { ...body, pooled: null, beside: beside ?? null }
    case 'embed':
      return { ...body, logits: null, pooled: vectors(header), beside: beside ?? /^lm_head\./ }
    case 'score':
      return { ...body, logits: null, pooled: scoring ?? lastTokenScores(config), beside: beside ?? null }
  }
}

function vectors(header: ModelHeader): PooledDescription {
  const { pooling, normalized, dense } = lazyParts.vectorSettings.fetched.readVectorSettings(header)
  const layers = dense.map(({ stem, outputs: rows, bias, activation }) => ({
    projection: { stem, rows, bias },
    activation: { kind: activation },
    norm: null,
  }))
  return { pooling, normalized, layers }
}

/** As transformers scores texts by a decoder. */
function lastTokenScores(config: ConfigReader): PooledDescription {
  const projection = { stem: 'score', rows: labelsOf(config), bias: false }
  return {
    pooling: 'last',
    normalized: false,
    layers: [{ projection, activation: { kind: 'none' }, norm: null }],
  }
}

/** A matrix may lie in tensors of other endings than `.weight`: its stem is all before one. */
function stemsOf(name: string): string[] {
  const end = name.lastIndexOf('.')
  return end < 0 ? [name] : [name, name.slice(0, end)]
}

/** Whether the model's family is one of those that are in the worker's own file. */
export function familyIsAtHand(header: ModelHeader): boolean {
  const [architecture, field] =
    header.kind === 'gguf'
      ? [header.metadata.get('general.architecture'), 'gguf' as const]
      : [header.texts.config.model_type, 'modelTypes' as const]
  return families.some((family) => family[field].includes(String(architecture)))
}

function familyOf(architecture: string, field: 'gguf' | 'modelTypes', what: string): Family {
  const find = (among: readonly Family[]) => among.find((each) => each[field].includes(architecture))
  const family = find(families)
  if (family) return family
  const { otherFamilies } = lazyParts.families.fetched
  const other = find(otherFamilies)
  if (other) return other
  const all = [...families, ...otherFamilies].flatMap((each) => each[field])
  throw new OctavoError(
    'unsupported-architecture',
    `${what} '${architecture}' is not supported.`,
    `Choose a model of one of these: ${[...new Set(all)].sort().join(', ')}.`,
  )
}

/** Rows of the token embedding: ids are below it. Null where the header does not say. */
export function embeddingRows(header: ModelHeader): number | null {
  try {
    const { stem } = readDescription(header).embedding
    return header.tensors.find(({ name }) => name === `${stem}.weight`)?.dims[1] ?? null
  } catch {
    // What is wrong is told where the description itself is wanted.
    return null
  }
}
