import { type ConfigReader, isObject } from '../config-reader'

/** How many labels a model that scores texts has; transformers' default is two, llama.cpp's one. */
export function labelsOf(config: ConfigReader): number {
  const { id2label } = config.json
  if (isObject(id2label)) return Math.max(1, Object.keys(id2label).length)
  return config.count('num_labels', config.container === 'gguf' ? 1 : 2)
}
