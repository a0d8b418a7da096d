import { ConversationStore } from '../conversations/conversation-store'
import type { CacheIdentity } from '../conversations/record'
import { Engine } from '../engine/engine'
import { cacheLayout } from '../model/cache-blocks'
import { type LoadedModel, loadModel } from '../model/load'
import { embeddingRows } from '../model/read-description'
import { createChatTemplate } from '../text/chat-template'
import { createTokenizer } from '../text/tokenizer'
import { OctavoError } from '../util/octavo-error'
import { openModel } from '../weights/open-model'
import type { ByteProgress, OpenedModel } from '../weights/types'
import { Conversations } from './conversations'
import { headerFacts } from './header-facts'
import type { EngineInfo, LoadPhase, LoadProgress, LoadRequest } from './protocol'
import { Session } from './session'

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
): Promise<Session> {
  const {
    hub,
    floatWeights,
    kvCache,
    invariance,
    maxSequences,
    maxWaiting,
    tokenBudget: maxBatchTokens,
  } = request
  let bytes: ByteProgress = { loadedBytes: 0, totalBytes: 0, storedBytes: 0 }
  const enter = (phase: LoadPhase) => report({ phase, ...bytes })
  enter('resolving')
  const opened = await openModel(modelReference(request.model), { hub, signal })
  const tokenizer = createTokenizer(opened.header, embeddingRows(opened.header))
  const template = createChatTemplate(opened.header, tokenizer)
  bytes = { ...bytes, totalBytes: opened.header.fileBytes }
  enter('preparing')
  const loading = await loadModel({
    gpu,
    header: opened.header,
    floatWeights,
    kvCache,
    invariance,
    maxSequences,
    maxBatchTokens,
    signal,
  })
  try {
    enter('fetching')
    const onProgress = (progress: ByteProgress) => {
      bytes = progress
      enter('fetching')
    }
    await opened.stream(loading.sink, { signal, onProgress })
    enter('warming-up')
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
      identity: cacheIdentity(opened, model),
      maxBytes: request.conversations.maxBytes,
      openStore: (maxBytes) => ConversationStore.open(maxBytes),
    })
    const info = engineInfo(opened, model, engine)
    return new Session({ info, engine, tokenizer, template, conversations, unload })
  } catch (error) {
    loading.destroy()
    throw error
  }
}

/** A file that came from another thread has lost its name on the way. */
export function modelReference(model: LoadRequest['model']): string | readonly File[] {
  return typeof model === 'string' ? model : model.map(({ name, blob }) => new File([blob], name))
}

function engineInfo(
  { header, source }: OpenedModel,
  { info, runner }: LoadedModel,
  { prefixCache }: Engine,
): EngineInfo {
  const { architecture, name } = headerFacts(header)
  const { format, blockSize, blocks, maxTokens, bytes } = info.kvCache
  return {
    model: {
      ...source,
      architecture,
      name,
      tensorTypes: Object.fromEntries(info.tensorTypes.map(({ type, tensors }) => [type, tensors])),
      parameters: info.parameters,
      bytes: header.fileBytes,
      contextLength: runner.limits.maxContext,
    },
    device: info.device,
    variants: Object.fromEntries(
      Object.entries(info.variants).map(([name, variant]) => [name, words(variant)]),
    ),
    encoder: null,
    invariance: info.invariance,
    droppedVariants: info.dropped,
    kvCache: { format, blockSize, blocks, maxTokens, bytes },
    prefixCache,
    gpuBytes: info.gpuBytes,
    peakGpuBytes: info.peakGpuBytes,
  }
}

function cacheIdentity(
  { header, source, content }: OpenedModel,
  { info, cacheBlocks }: LoadedModel,
): CacheIdentity {
  const { repo, revision, file, reference } = source
  const { vendor, architecture, device, description } = info.device
  return {
    // The same floats in fewer bits give other keys.
    content: header.kind === 'gguf' ? content : `${content} ${info.tensorTypes.map(({ type }) => type)}`,
    model: repo === null ? reference : `${repo}/${file} at ${revision?.slice(0, 12)}`,
    format: info.kvCache.format,
    invariance: info.invariance,
    layout: cacheLayout,
    blockSize: info.kvCache.blockSize,
    blockBytes: cacheBlocks.blockBytes,
    device: [vendor, architecture, device, description].filter(Boolean).join(' ') || 'a GPU without a name',
  }
}

/** `64`, or `workgroup_size 64, segment_lanes 8`. */
function words(variant: unknown): string {
  if (typeof variant !== 'object' || variant === null) return String(variant)
  return Object.entries(variant)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
