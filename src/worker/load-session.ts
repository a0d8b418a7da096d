import { Engine } from '../engine/engine'
import { fetchParts } from '../model/fetch-parts'
import { loadModel } from '../model/load'
import { modelTask } from '../model/model-task'
import { embeddingRows } from '../model/read-description'
import { createChatTemplate } from '../text/chat-template'
import { createTokenizer, fetchTokenizer } from '../text/tokenizer'
import { LazyPart } from '../util/lazy-part'
import type { EncoderSession } from './encoder-session'
import { engineDiagnostics, engineInfo } from './engine-info'
import { LiveModel } from './live-model'
import { ModelLoader, recoveryOf } from './model-loader'
import type { LoadReport, LoadRequest } from './protocol'
import { Session } from './session'

export const encoders = new LazyPart('models that read whole texts', () => import('./load-encoder-session'))

/**
 * Loads a model: what the reference means, then room on the GPU, then the weights, then a first run. The session loads it again
 * where the browser takes the GPU away.
 *
 * What can be known to fail is tried before a weight is fetched: the tokenizer, the template, the GPU's memory.
 */
export async function loadSession(
  gpu: GPU,
  request: LoadRequest,
  report: (report: LoadReport) => void,
  signal: AbortSignal,
): Promise<Session | EncoderSession> {
  const loader = new ModelLoader(gpu, request, report, signal)
  const opened = await loader.open()
  await Promise.all([fetchParts(opened.header), fetchTokenizer(opened.header)])
  const tokenizer = createTokenizer(opened.header, embeddingRows(opened.header))
  const { maxWaiting } = request
  if (modelTask(opened.header) !== 'generate') {
    const { loadEncoderSession } = await encoders.fetch()
    return loadEncoderSession({ opened, tokenizer, loader, maxWaiting })
  }
  const template = createChatTemplate(opened.header, tokenizer)
  const first = await loader.load(opened, loadModel)
  const engine = new Engine(first.runner, { maxWaiting })
  const { source, content, header } = opened
  const before = { content, cacheTokens: first.info.kvCache.maxTokens }
  const live = new LiveModel({ ...recoveryOf(loader, before, loadModel), model: first, running: engine })
  const origin = { source, content, kind: header.kind }
  const conversations = new LazyPart('saved conversations', async () => {
    const { liveConversations } = await import('./live-conversations')
    return liveConversations(engine, live, origin, request.conversations.maxBytes)
  })
  try {
    const { prefixCache } = engine
    const { maxContext } = first.runner.limits
    return new Session({
      info: engineInfo(opened, first.info, { contextLength: maxContext, prefixCache, encoder: null }),
      diagnostics: () => engineDiagnostics(live.model.info, live.losses),
      engine,
      get runner() {
        return live.model.runner
      },
      tokenizer,
      template,
      conversations: () => conversations.fetch(),
      unload: () => live.unload(),
    })
  } catch (error) {
    live.unload()
    throw error
  }
}
