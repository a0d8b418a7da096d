import type { ModelHeader } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { ConfigReader } from './config-reader'
import type { ModelDescription } from './description'
import type { Family } from './families/family'
import { families } from './families/index'
import { ggufConfig } from './gguf-config'

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
    return { architecture, name, ...family.describe(config, has) }
  }
  const { config: json } = header.texts
  const config = new ConfigReader(json, 'config.json')
  const architecture = config.text('model_type')
  const family = familyOf(architecture, 'modelTypes', "config.json's model_type")
  const name =
    typeof json._name_or_path === 'string' && json._name_or_path ? json._name_or_path : architecture
  return { architecture, name, ...family.describe(config, has) }
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
