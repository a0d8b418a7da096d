import { type Endpoint, expose } from 'comlink'
import type { EngineDiagnostics } from '../util/diagnostics'
import { LazyPart } from '../util/lazy-part'
import { OctavoError } from '../util/octavo-error'
import type { EngineProfile } from '../util/profile'
import type { Conversations } from './conversations'
import type { EncoderSession } from './encoder-session'
import { asOctavoError, carryErrorsWhole, errorToWire } from './error-transfer'
import type { ModelInspection } from './inspection'
import { loadSession } from './load-session'
import type {
  ConversationCall,
  EmbeddingCall,
  EmbeddingResult,
  EngineInfo,
  EngineStats,
  LoadReport,
  LoadRequest,
  ProfiledRun,
  RerankCall,
  RerankScores,
  SavedConversation,
  Service,
  WireEvent,
  WireGeneration,
} from './protocol'
import type { Session, SessionGeneration } from './session'

const inspection = new LazyPart('looking at models', () => import('./inspect'))

/** Answers the page's calls at the endpoint, for one model. */
export function serve(endpoint: Endpoint, gpu: GPU | null): void {
  carryErrorsWhole()
  expose(new ModelService(gpu), endpoint)
}

/** The service over a real model. */
class ModelService implements Service {
  readonly #gpu: GPU | null
  readonly #unloading = new AbortController()
  /** Generations and other calls that can be aborted, by the page's name for them. */
  readonly #running = new Map<string, AbortController>()
  #session: Promise<Session | EncoderSession> | null = null
  /** What takes the profile, of the GPU on which it was begun. */
  #profiler: Session['profiler'] | EncoderSession['profiler'] | null = null

  constructor(gpu: GPU | null) {
    this.#gpu = gpu
  }

  async holdLock(name: string): Promise<boolean> {
    const locks = globalThis.navigator?.locks
    if (!locks) return false
    return new Promise((resolve) => {
      const held = locks.request(name, () => {
        resolve(true)
        return new Promise<never>(() => {})
      })
      // A page of an opaque origin has no locks.
      held.catch(() => resolve(false))
    })
  }

  async load(request: LoadRequest, port: MessagePort): Promise<EngineInfo> {
    try {
      if (!this.#gpu) throw noWebGpu()
      const report = (progress: LoadReport) => port.postMessage(progress)
      this.#session = loadSession(this.#gpu, request, report, this.#unloading.signal)
      return (await this.#session).info
    } catch (error) {
      throw asOctavoError(error)
    }
  }

  async inspect(request: LoadRequest): Promise<ModelInspection> {
    try {
      const means = { gpu: this.#gpu, noGpu: noWebGpu(), memoryBytes: deviceMemory() }
      const { inspect } = await inspection.fetch()
      return await inspect(means, request, this.#unloading.signal)
    } catch (error) {
      throw asOctavoError(error)
    }
  }

  async generate(requests: readonly WireGeneration[], ports: readonly MessagePort[]): Promise<void> {
    const generations = requests.map((request, i): SessionGeneration => {
      const controller = new AbortController()
      this.#running.set(request.id, controller)
      const post = (events: readonly WireEvent[]) => ports[i]!.postMessage(events)
      return { request, post, signal: controller.signal }
    })
    const started = this.#start(generations)
    const run = async ({ request, post, signal }: SessionGeneration, i: number) => {
      try {
        await (await started)[i]
      } catch (error) {
        // The page has turned away from a generation that it aborted.
        if (!signal.aborted) post([{ type: 'error', error: errorToWire(asOctavoError(error)) }])
      } finally {
        this.#running.delete(request.id)
      }
    }
    await Promise.all(generations.map(run))
  }

  async #start(generations: readonly SessionGeneration[]): Promise<readonly Promise<void>[]> {
    return (await this.#generator()).generate(generations)
  }

  embed(call: EmbeddingCall): Promise<EmbeddingResult> {
    return this.#abortable(call, async (signal) => (await this.#encoder()).embed(call, signal))
  }

  rerank(call: RerankCall): Promise<RerankScores> {
    return this.#abortable(call, async (signal) => (await this.#encoder()).rerank(call, signal))
  }

  saveConversation(call: ConversationCall): Promise<SavedConversation> {
    return this.#abortable(call, async (signal) =>
      (await this.#conversations()).save(call.conversation, signal),
    )
  }

  restoreConversation(call: ConversationCall): Promise<number> {
    return this.#abortable(call, async (signal) =>
      (await this.#conversations()).restore(call.conversation, signal),
    )
  }

  async listConversations(): Promise<SavedConversation[]> {
    return (await this.#conversations()).list()
  }

  deleteConversation(call: ConversationCall): Promise<void> {
    return this.#abortable(call, async (signal) =>
      (await this.#conversations()).delete(call.conversation, signal),
    )
  }

  async #conversations(): Promise<Conversations> {
    return (await this.#generator()).conversations()
  }

  async #abortable<T>({ id }: { readonly id: string }, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    this.#running.set(id, controller)
    try {
      return await act(controller.signal)
    } finally {
      this.#running.delete(id)
    }
  }

  async abort(id: string): Promise<void> {
    this.#running.get(id)?.abort()
  }

  async stats(): Promise<EngineStats> {
    return (await this.#loaded()).stats()
  }

  async startProfile(): Promise<void> {
    const { profiler } = await this.#loaded()
    await profiler.start()
    this.#profiler = profiler
  }

  runProfiled(run: ProfiledRun): Promise<void> {
    return this.#abortable(run, async (signal) => (await this.#loaded()).runProfiled(run, signal))
  }

  async diagnostics(): Promise<EngineDiagnostics> {
    return (await this.#loaded()).diagnostics()
  }

  async endProfile(): Promise<EngineProfile> {
    const { profiler } = await this.#loaded()
    if (profiler === this.#profiler) return profiler.finish()
    return { whyNoTimes: 'The GPU was lost while the profile was taken.', clockNs: null, phases: [] }
  }

  async unload(): Promise<void> {
    this.#unloading.abort()
    for (const call of this.#running.values()) call.abort()
    const session = await this.#session?.catch(() => null)
    session?.unload()
  }

  async #generator(): Promise<Session> {
    const session = await this.#loaded()
    if (session.kind === 'generator') return session
    const { task } = session.info.encoder!
    throw new OctavoError(
      'unsupported-architecture',
      `${session.info.model.reference} reads texts and writes none: it ${task === 'embed' ? 'makes vectors of them' : 'scores pairs of them'}.`,
      `Use ${task === 'embed' ? 'engine.embeddings or engine.rerank' : 'engine.rerank'}, or load a model that writes.`,
    )
  }

  async #encoder(): Promise<EncoderSession> {
    const session = await this.#loaded()
    if (session.kind === 'encoder') return session
    throw new OctavoError(
      'unsupported-architecture',
      `${session.info.model.reference} writes text: it makes no vectors and scores nothing.`,
      'Use engine.chat or engine.completions, or load an embedding model or a reranker.',
    )
  }

  #loaded(): Promise<Session | EncoderSession> {
    if (this.#session) return this.#session
    throw new OctavoError('unloaded', 'No model is loaded.', 'Create an engine with createEngine().')
  }
}

/** Bytes of main memory, which Chromium says in steps and up to 8 GiB. */
function deviceMemory(): number | null {
  const { deviceMemory } = (globalThis.navigator ?? {}) as { deviceMemory?: number }
  return deviceMemory === undefined ? null : deviceMemory * 1024 ** 3
}

function noWebGpu(): OctavoError {
  return globalThis.isSecureContext === false
    ? new OctavoError(
        'no-webgpu',
        'This page was not loaded over a secure connection, so the browser gives it no WebGPU.',
        'Open the page over https, or from localhost.',
      )
    : new OctavoError(
        'no-webgpu',
        'This browser has no WebGPU, or has it switched off.',
        'Use Chrome or Edge 113 or later (121 on Android), Safari 26 or later, or Firefox 141 or later (145 on ' +
          'macOS). On Linux, start Chrome with --enable-unsafe-webgpu --enable-features=Vulkan.',
      )
}
