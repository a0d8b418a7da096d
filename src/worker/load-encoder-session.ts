import { Encoder } from '../engine/encoder'
import type { LoadModelOptions } from '../model/load'
import { loadEncoder } from '../model/load-encoder'
import { readScoreActivation, readVectorSettings } from '../model/vector-settings'
import type { Tokenizer } from '../text/types'
import type { WeightSink } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import type { OpenedModel } from '../weights/types'
import { EncoderSession } from './encoder-session'
import { engineDiagnostics, engineInfo } from './engine-info'
import type { EncoderInfo } from './protocol'

export { encoderTensors, makeEncoderRoom } from '../model/load-encoder'

interface EncoderLoad {
  readonly opened: OpenedModel
  readonly tokenizer: Tokenizer
  readonly options: LoadModelOptions
  /** Sends the weights. */
  readonly stream: (sink: WeightSink) => Promise<void>
  readonly maxWaiting: number
}

/** Loads a model that reads whole texts. */
export async function loadEncoderSession({
  opened,
  tokenizer,
  options,
  stream,
  maxWaiting,
}: EncoderLoad): Promise<EncoderSession> {
  const { header } = opened
  const settings = readVectorSettings(header)
  const activation = readScoreActivation(header)
  const loading = await loadEncoder(options)
  try {
    await stream(loading.sink)
    const model = await loading.finish()
    const encoder = new Encoder(model.runner, { maxWaiting })
    void model.lost.then((error) => encoder.stop(error))
    const unload = () => {
      encoder.stop(new OctavoError('unloaded', 'The engine was unloaded.', 'Create a new engine.'))
      model.destroy()
    }
    const { outputs, maxTokens } = model.runner.limits
    const embeds = model.task === 'embed'
    const facts: EncoderInfo = {
      task: model.task,
      dimensions: outputs,
      pooling: embeds ? settings.pooling : null,
      maxTokens,
      prompts: embeds ? [...settings.prompts.keys()] : [],
    }
    const info = {
      ...engineInfo(opened, model.info, { contextLength: maxTokens, prefixCache: 'off', encoder: facts }),
      encoder: facts,
    }
    const { profiler } = model.runner
    const diagnostics = await engineDiagnostics(model.info)
    return new EncoderSession({
      info,
      diagnostics,
      encoder,
      profiler,
      tokenizer,
      settings,
      activation,
      unload,
    })
  } catch (error) {
    loading.destroy()
    throw error
  }
}
