import type { ModelHeader } from '../util/model-file'
import { type ModelConfig, readMetadataConfig } from './config'
import { readConfigJson } from './config-json'

/** @throws OctavoError 'unsupported-architecture', 'malformed-file' */
export function readConfig(header: ModelHeader): ModelConfig {
  return header.kind === 'gguf' ? readMetadataConfig(header.metadata) : readConfigJson(header.texts.config)
}
