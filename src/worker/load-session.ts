import type { CacheIdentity } from '../conversations/record'
import { Engine } from '../engine/engine'
import { attentionIn } from '../model/attention-in'
import { cacheLayout } from '../model/cache-blocks'
import type { ModelDescription } from '../model/description'
import { fetchParts } from '../model/fetch-parts'
import { type LoadedModel, loadModel } from '../model/load'
import { modelTask } from '../model/model-task'
import { embeddingRows } from '../model/read-description'
import { createChatTemplate } from '../text/chat-template'
import { createTokenizer, fetchTokenizer } from '../text/tokenizer'
import { LazyPart } from '../util/lazy-part'
import type { WeightSink } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { openModel } from '../weights/open-model'
import type { ByteProgress, OpenedModel } from '../weights/types'
import { Conversations } from './conversations'
import type { EncoderSession } from './encoder-session'
import { engineDiagnostics, engineInfo } from './engine-info'
import type { LoadPhase, LoadProgress, LoadRequest } from './protocol'
import { Session } from './session'
import { browserVersion, openTacticsStore } from './tactics-store'

export const encoders = new LazyPart('models that read whole texts', () => import('./load-encoder-session'))
const conversationStore = new LazyPart(
  'saved conversations',
  () => import('../conversations/conversation-store'),
)

/**
 * Loads a model: what the reference means, then room on the GPU, then the weights, then a first run.
 *
 * What can be known to fail is tried before a weight is fetched: the tokenizer, the template, the GPU's memory.
 */
export async function loadSession(
  gpu: GPU,
  request: LoadRequest,
  report: (progress: LoadProgress) => void,
  signal: AbortSignal,
): Promise<Session | EncoderSession> {
  const {
    hub,
    floatWeights,
    kvCache,
    invariance,
    tune,
    precision,
    maxSequences,
    maxWaiting,
    tokenBudget: maxBatchTokens,
  } = request
  let bytes: ByteProgress = { loadedBytes: 0, totalBytes: 0, storedBytes: 0 }
  const enter = (phase: LoadPhase) => report({ phase, ...bytes })
  enter('resolving')
  const opened = await openModel(modelReference(request.model), { hub, signal })
  await Promise.all([fetchParts(opened.header), fetchTokenizer(opened.header)])
  const tokenizer = createTokenizer(opened.header, embeddingRows(opened.header))
  bytes = { ...bytes, totalBytes: opened.header.fileBytes }
  enter('preparing')
  const options = {
    gpu,
    header: opened.header,
    floatWeights,
    kvCache,
    invariance,
    precision,
    maxSequences,
    maxBatchTokens,
    signal,
    tactics: {
      tune,
      store: await openTacticsStore(),
      browser: await browserVersion(),
      onTuning: () => enter('tuning'),
    },
  }
  const stream = async (sink: WeightSink) => {
    enter('fetching')
    const onProgress = (progress: ByteProgress) => {
      bytes = progress
      enter('fetching')
    }
    await opened.stream(sink, { signal, onProgress })
    enter('warming-up')
  }
  if (modelTask(opened.header) !== 'generate') {
    const { loadEncoderSession } = await encoders.fetch()
    return loadEncoderSession({ opened, tokenizer, options, stream, maxWaiting })
  }
  const template = createChatTemplate(opened.header, tokenizer)
  const loading = await loadModel(options)
  try {
    await stream(loading.sink)
    const model = await loading.finish()
    const engine = new Engine(model.runner, { maxWaiting })
    void model.lost.then((error) => engine.stop(error))
    const unload = () => {
      engine.stop(new OctavoError('unloaded', 'The engine was unloaded.', 'Create a new engine.'))
      model.destroy()
    }
    const conversations = new Conversations({
      engine,
      blocks: model.cacheBlocks,
      identity: cacheIdentity(opened, model, loading.description),
      maxBytes: request.conversations.maxBytes,
      openStore: async (maxBytes) => (await conversationStore.fetch()).ConversationStore.open(maxBytes),
    })
    const { prefixCache } = engine
    const { maxContext } = model.runner.limits
    const info = engineInfo(opened, model.info, { contextLength: maxContext, prefixCache, encoder: null })
    const diagnostics = await engineDiagnostics(model.info)
    return new Session({
      info,
      diagnostics,
      engine,
      runner: model.runner,
      tokenizer,
      template,
      conversations,
      unload,
    })
  } catch (error) {
    loading.destroy()
    throw error
  }
}

/** A file that came from another thread has lost its name on the way. */
export function modelReference(model: LoadRequest['model']): string | readonly File[] {
  return typeof model === 'string' ? model : model.map(({ name, blob }) => new File([blob], name))
}

/** Which factors LongRoPE takes for so long a context; nothing where the model has none. */
function rotationOf(
  { layers }: Pick<ModelDescription, 'layers'>,
  maxContext: number,
): Pick<CacheIdentity, 'rotation'> {
  const long = attentionIn(layers).find(({ rope }) => rope?.long)?.rope?.long
  return long ? { rotation: maxContext > long.above ? 'long' : 'short' } : {}
}

function cacheIdentity(
  { header, source, content }: OpenedModel,
  { info, cacheBlocks, runner }: LoadedModel,
  { layers }: ModelDescription,
): CacheIdentity {
  const { repo, revision, file, reference } = source
  const { vendor, architecture, device, description } = info.device
  return {
    // The same floats in fewer bits give other keys.
    content: header.kind === 'gguf' ? content : `${content} ${info.tensorTypes.map(({ type }) => type)}`,
    model: repo === null ? reference : `${repo}/${file} at ${revision?.slice(0, 12)}`,
    format: info.kvCache.format,
    invariance: info.invariance,
    precision: info.precision,
    ...rotationOf({ layers }, runner.limits.maxContext),
    layout: cacheLayout,
    blockSize: info.kvCache.blockSize,
    blockBytes: cacheBlocks.blockBytes,
    device: [vendor, architecture, device, description].filter(Boolean).join(' ') || 'a GPU without a name',
  }
}
