import { Encoder } from '../engine/encoder'
import { loadEncoder } from '../model/load-encoder'
import { readScoreActivation, readVectorSettings } from '../model/vector-settings'
import type { Tokenizer } from '../text/types'
import type { OpenedModel } from '../weights/types'
import { EncoderSession } from './encoder-session'
import { engineDiagnostics, engineInfo } from './engine-info'
import { LiveModel } from './live-model'
import { type ModelLoader, recoveryOf } from './model-loader'
import type { EncoderInfo } from './protocol'

export { encoderTensors, makeEncoderRoom } from '../model/load-encoder'

interface EncoderLoad {
  readonly opened: OpenedModel
  readonly tokenizer: Tokenizer
  readonly loader: ModelLoader
  readonly maxWaiting: number
}

/** Loads a model that reads whole texts. */
export async function loadEncoderSession({
  opened,
  tokenizer,
  loader,
  maxWaiting,
}: EncoderLoad): Promise<EncoderSession> {
  const { header } = opened
  const settings = readVectorSettings(header)
  const activation = readScoreActivation(header)
  const first = await loader.load(opened, loadEncoder)
  const encoder = new Encoder(first.runner, { maxWaiting })
  const before = { content: opened.content, cacheTokens: null }
  const live = new LiveModel({ ...recoveryOf(loader, before, loadEncoder), model: first, running: encoder })
  try {
    const { outputs, maxTokens } = first.runner.limits
    const embeds = first.task === 'embed'
    const facts: EncoderInfo = {
      task: first.task,
      dimensions: outputs,
      pooling: embeds ? settings.pooling : null,
      maxTokens,
      prompts: embeds ? [...settings.prompts.keys()] : [],
    }
    const info = {
      ...engineInfo(opened, first.info, { contextLength: maxTokens, prefixCache: 'off', encoder: facts }),
      encoder: facts,
    }
    return new EncoderSession({
      info,
      diagnostics: () => engineDiagnostics(live.model.info, live.losses),
      encoder,
      get profiler() {
        return live.model.runner.profiler
      },
      tokenizer,
      settings,
      activation,
      unload: () => live.unload(),
    })
  } catch (error) {
    live.unload()
    throw error
  }
}
