import type { ConfigReader } from '../config-reader'
import type { ModelDescription } from '../description'

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

export type ModelBody = Omit<ModelDescription, 'architecture' | 'name'>
