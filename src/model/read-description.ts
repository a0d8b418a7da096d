import type { ModelHeader } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { attentionIn } from './attention-in'
import { ConfigReader, unsupported } from './config-reader'
import type { ModelDescription, PooledDescription } from './description'
import type { Family, ModelBody } from './families/family'
import { families } from './families/index'
import { labelsOf } from './families/labels'
import { ggufConfig } from './gguf-config'
import { modelTask } from './model-task'
import { readVectorSettings } from './vector-settings'

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
    return { architecture, name, ...finished(header, config, family.describe(config, has)) }
  }
  const { config: json } = header.texts
  const config = new ConfigReader(json, 'config.json')
  const architecture = config.text('model_type')
  const family = familyOf(architecture, 'modelTypes', "config.json's model_type")
  const name =
    typeof json._name_or_path === 'string' && json._name_or_path ? json._name_or_path : architecture
  return { architecture, name, ...finished(header, config, family.describe(config, has)) }
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
      return { ...body, logits: null, pooled: scoring ?? lastTokenScores(config), beside: null }
  }
}

function vectors(header: ModelHeader): PooledDescription {
  const { pooling, normalized, dense } = readVectorSettings(header)
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

function familyOf(architecture: string, field: 'gguf' | 'modelTypes', what: string): Family {
  const family = families.find((each) => each[field].includes(architecture))
  if (family) return family
  const known = [...new Set(families.flatMap((each) => each[field]))].sort().join(', ')
  throw new OctavoError(
    'unsupported-architecture',
    `${what} '${architecture}' is not supported.`,
    `Choose a model of one of these: ${known}.`,
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
