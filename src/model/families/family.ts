import type { ConfigReader } from '../config-reader'
import type { ModelDescription, PooledDescription } from '../description'

/** What a family says of its models; see ARCHITECTURE.md for how to add one. */
export interface Family {
  /** `model_type` of config.json. */
  readonly modelTypes: readonly string[]
  /** `general.architecture` of a GGUF file. */
  readonly gguf: readonly string[]
  /**
   * @param config a repo's config.json, or a GGUF file's metadata in the same form
   * @param has whether the file has a tensor of that name
   * @throws OctavoError 'malformed-file', 'unsupported-architecture'
   */
  readonly describe: (config: ConfigReader, has: HasTensor) => ModelBody
}

export type HasTensor = (name: string) => boolean

export interface ModelBody extends Omit<ModelDescription, 'architecture' | 'name' | 'pooled' | 'beside'> {
  /** How texts are scored where the file has such a head; left out: as decoders do it, by the last token. */
  readonly scoring?: PooledDescription
  /** Names of tensors that are for what the model was trained on, or for what Octavo does not do with it. */
  readonly beside?: RegExp
}
