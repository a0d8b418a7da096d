import type { ModelHeader } from '../util/model-file'

/** What a model does with texts: writes on, makes vectors of them, or scores them. */
export type ModelTask = 'generate' | 'embed' | 'score'

/** Those that read a text in both directions and cannot write. */
const readers = /bert|mpnet|electra|deberta|camembert|t5encoder|eurobert/i

/** What its files say that the model does. */
export function modelTask(header: ModelHeader): ModelTask {
  if (header.kind === 'gguf') {
    const architecture = String(header.metadata.get('general.architecture') ?? '')
    const pooling = header.metadata.get(`${architecture}.pooling_type`)
    // As llama.cpp numbers them, 4 is a ranking by scores.
    if (pooling === 4) return 'score'
    return pooling !== undefined || readers.test(architecture) ? 'embed' : 'generate'
  }
  const { config, sentenceTransformers } = header.texts
  const [architecture] = Array.isArray(config.architectures) ? config.architectures : []
  const name = typeof architecture === 'string' ? architecture : ''
  if (name.endsWith('ForSequenceClassification')) return 'score'
  // `Qwen3Model` is a model without its head; `GPT2LMHeadModel` has one.
  const bare = name.endsWith('Model') && !name.endsWith('LMHeadModel')
  const reads = typeof config.model_type === 'string' && readers.test(config.model_type)
  return sentenceTransformers.modules || reads || bare ? 'embed' : 'generate'
}
