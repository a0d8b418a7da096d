import { expose } from 'comlink'
import { Connection } from '../../../src/api/connection'
import { Engine } from '../../../src/api/engine'
import type { EngineDiagnostics } from '../../../src/util/diagnostics'
import { OctavoError } from '../../../src/util/octavo-error'
import type { EngineProfile } from '../../../src/util/profile'
import { carryErrorsWhole, errorToWire } from '../../../src/worker/error-transfer'
import type { ModelInspection } from '../../../src/worker/inspection'
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
  WireLogprobs,
} from '../../../src/worker/protocol'

/** What a fake generation does: yields batches of events; it is aborted between two of them. */
export type Script = (request: WireGeneration) => AsyncGenerator<WireEvent[]>

/** A service without a model: it says what its script says. */
export class FakeService implements Service {
  readonly generations: WireGeneration[] = []
  /** How many generations came with each call. */
  readonly calls: number[] = []
  readonly loads: LoadRequest[] = []
  readonly aborted: string[] = []
  readonly embeddings: EmbeddingCall[] = []
  readonly rankings: RerankCall[] = []
  /** What is saved, by the conversation's name; saving 'endless' does not end. */
  readonly saved = new Map<string, SavedConversation>()
  /** What was asked about profiles, in order. */
  readonly profiles: string[] = []
  unloads = 0
  script: Script = answer('Hello', ' world')
  loading: (report: (report: LoadReport) => void) => Promise<void> = async () => {}
  readonly #running = new Set<string>()

  async holdLock(_name: string): Promise<boolean> {
    return true
  }

  async inspect(): Promise<ModelInspection> {
    throw new OctavoError('not-found', 'This service has no models.', 'Ask another one.')
  }

  async load(request: LoadRequest, port: MessagePort): Promise<EngineInfo> {
    this.loads.push(request)
    await this.loading((report) => port.postMessage(report))
    return info
  }

  async generate(requests: readonly WireGeneration[], ports: readonly MessagePort[]): Promise<void> {
    this.calls.push(requests.length)
    await Promise.all(requests.map((request, i) => this.#generate(request, ports[i]!)))
  }

  async #generate(request: WireGeneration, port: MessagePort): Promise<void> {
    this.generations.push(request)
    this.#running.add(request.id)
    try {
      for await (const events of this.script(request)) {
        if (!this.#running.has(request.id)) return
        port.postMessage(events)
      }
    } catch (error) {
      port.postMessage([{ type: 'error', error: errorToWire(error as OctavoError) } satisfies WireEvent])
    } finally {
      this.#running.delete(request.id)
    }
  }

  async abort(id: string): Promise<void> {
    if (this.#running.delete(id)) this.aborted.push(id)
  }

  /** Of each text its length and a half; 'endless' does not end, 'bad' fails. */
  async embed(call: EmbeddingCall): Promise<EmbeddingResult> {
    this.embeddings.push(call)
    await this.#run(call.id, call.inputs)
    const vectors = call.inputs.map(({ length }) => Float32Array.of(length, 0.5))
    return { vectors, promptTokens: call.inputs.reduce((sum, { length }) => sum + length, 0) }
  }

  /** The shorter a document, the better. */
  async rerank(call: RerankCall): Promise<RerankScores> {
    this.rankings.push(call)
    await this.#run(call.id, call.documents)
    return { scores: call.documents.map(({ length }) => 1 / (1 + length)), promptTokens: 9 }
  }

  async #run(id: string, texts: readonly unknown[]): Promise<void> {
    this.#running.add(id)
    if (texts.includes('endless')) await new Promise(() => {})
    if (texts.includes('bad')) throw new OctavoError('context-too-long', 'It is too long.', 'Shorten it.')
  }

  async saveConversation({ id, conversation }: ConversationCall): Promise<SavedConversation> {
    this.#running.add(id)
    if (conversation === 'endless') await new Promise(() => {})
    const saved = { id: conversation, model: 'a model', tokens: 64, bytes: 2000, usedAt: 5 }
    this.saved.set(conversation, saved)
    return saved
  }

  async restoreConversation({ conversation }: ConversationCall): Promise<number> {
    return this.saved.get(conversation)?.tokens ?? 0
  }

  async listConversations(): Promise<SavedConversation[]> {
    return [...this.saved.values()]
  }

  async deleteConversation({ conversation }: ConversationCall): Promise<void> {
    this.saved.delete(conversation)
  }

  async stats(): Promise<EngineStats> {
    return { ...idleStats, runningSequences: this.#running.size }
  }

  async startProfile(): Promise<void> {
    this.profiles.push('start')
  }

  /** A run of a thousand tokens does not end. */
  async runProfiled({ id, promptTokens, tokens }: ProfiledRun): Promise<void> {
    this.profiles.push(`run ${promptTokens} ${tokens}`)
    this.#running.add(id)
    if (tokens === 1000) await new Promise(() => {})
  }

  async diagnostics(): Promise<EngineDiagnostics> {
    return diagnostics
  }

  async endProfile(): Promise<EngineProfile> {
    this.profiles.push('end')
    return { whyNoTimes: null, clockNs: 1, phases: [] }
  }

  async unload(): Promise<void> {
    this.unloads++
    this.#running.clear()
  }
}

/** A connection to the service over a MessageChannel, as with a GPU object in Node. */
export function connect(service: Service): { connection: Connection; hungUp: () => boolean } {
  carryErrorsWhole()
  const { port1, port2 } = new MessageChannel()
  expose(service, port2)
  let hungUp = false
  const connection = new Connection(port1, () => {
    hungUp = true
    port1.close()
  })
  return { connection, hungUp: () => hungUp }
}

export const request: LoadRequest = {
  model: 'owner/model:Q4_1',
  hub: { endpoint: 'https://huggingface.co', token: null },
  kvCache: { format: 'f16', maxTokens: null },
  conversations: { maxBytes: 512 * 1024 ** 2 },
  floatWeights: null,
  invariance: 'on',
  tune: 'cached',
  precision: 'exact',
  maxSequences: 8,
  maxWaiting: 256,
  tokenBudget: 256,
}

/** An engine on a fake service. */
export async function fakeEngine(script?: Script): Promise<{ engine: Engine; service: FakeService }> {
  const service = new FakeService()
  if (script) service.script = script
  const engine = await Engine.load(connect(service).connection, request, {})
  return { engine, service }
}

const promptIds = [1, 10, 11]
const bytes = (text: string) => new TextEncoder().encode(text)

/** The log-probabilities of a token and of one better one, as far as they were asked for. */
export function logprobsOf(id: number, text: string | Uint8Array, top: number): WireLogprobs {
  const own = { id, bytes: typeof text === 'string' ? bytes(text) : text, logprob: -1.5 }
  const best = { id: 99, bytes: bytes(' best'), logprob: -0.5 }
  return { ...own, rank: 2, top: [best, own].slice(0, top) }
}

const idleStats: EngineStats = {
  runningSequences: 0,
  waitingSequences: 0,
  blocksInUse: 3,
  blocks: 10,
  cachedBlocks: 2,
  prefixHitTokens: 0,
  prefixEvictions: 0,
  steps: 7,
  recovering: false,
}

/** Accepts a prompt of three tokens and answers with the pieces, one token each, as many as wanted; ids from 20. */
export function answer(...pieces: string[]): Script {
  return async function* ({ logprobs, promptLogprobs, echo, stop }) {
    const said = pieces.slice(0, stop.maxTokens ?? stop.defaultMaxTokens ?? pieces.length)
    const firstToken = bytes('<s>')
    yield [{ type: 'accepted', promptIds, echo: echo ? { text: 'Once upon', firstToken } : null }]
    yield [{ type: 'prefill', done: 3, total: 3 }]
    const given = ['Once', ' upon'].map((text, i) => logprobsOf(10 + i, text, promptLogprobs ?? 0))
    yield [{ type: 'prompt', logprobs: promptLogprobs === null ? null : [null, ...given], cachedTokens: 2 }]
    for (const [i, text] of said.entries()) {
      const delta = { type: 'delta', text, ids: [20 + i] } as const
      yield [{ ...delta, logprobs: logprobs === null ? [] : [logprobsOf(20 + i, text, logprobs)] }]
    }
    const usage = { promptTokens: promptIds.length, completionTokens: said.length }
    const reason = said.length < pieces.length ? 'length' : 'stop'
    yield [{ type: 'finish', reason, stopReason: null, usage }]
  }
}

/** Accepts, says one word and then nothing more, until it is aborted. */
export const endless: Script = async function* () {
  yield [{ type: 'accepted', promptIds, echo: null }]
  yield [{ type: 'prompt', logprobs: null, cachedTokens: 0 }]
  yield [{ type: 'delta', text: 'and', ids: [20], logprobs: [] }]
  await new Promise(() => {})
}

/** Fails, before or after it was accepted. */
export function failing(error: OctavoError, accepted: boolean): Script {
  return async function* () {
    if (accepted) {
      yield [{ type: 'accepted', promptIds, echo: null }]
      yield [{ type: 'delta', text: 'so far', ids: [20], logprobs: [] }]
    }
    throw error
  }
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** Until what was posted has arrived. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 20))

/** What the promise rejects with, which must be an OctavoError. */
export async function failure(promise: Promise<unknown>): Promise<OctavoError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof OctavoError) return error
  throw new Error(`expected an OctavoError, got ${error === null ? 'a result' : String(error)}`)
}

const info: EngineInfo = {
  model: {
    reference: 'owner/model:Q4_1',
    repo: 'owner/model',
    revision: '0123456789abcdef',
    file: 'model-Q4_1.gguf',
    architecture: 'llama',
    name: 'Model',
    tensorTypes: { Q4_1: 210, F32: 61 },
    parameters: 134_515_008,
    bytes: 92_000_000,
    contextLength: 8192,
  },
  device: {
    vendor: 'google',
    architecture: 'swiftshader',
    device: '',
    description: '',
    isFallbackAdapter: true,
    features: ['core-features-and-limits'],
    wgslFeatures: [],
    subgroupMinSize: null,
    maxBufferBytes: 2 ** 28,
    maxBindingBytes: 2 ** 27,
  },
  variants: { name: 'lanes-own-rows' },
  variantsFrom: 'defaults',
  encoder: null,
  invariance: 'on',
  precision: 'exact',
  exactTypes: [],
  droppedVariants: [],
  kvCache: { format: 'f16', blockSize: 32, blocks: 10, maxTokens: 320, bytes: 7_372_800 },
  prefixCache: 'on',
  gpuBytes: 110_000_000,
  peakGpuBytes: 120_000_000,
}

const diagnostics: EngineDiagnostics = {
  device: { ...info.device, subgroupMaxSize: null, limits: { maxBufferSize: 2 ** 28 } },
  browser: 'Chromium 140',
  kernels: 'c0ffee',
  pipelines: 20,
  variants: {
    tune: 'cached',
    from: 'defaults',
    chosen: info.variants,
    dropped: [],
    timed: [],
    whyNotTimed: null,
    tuneMs: 0,
    proof: null,
  },
  deviceLosses: [],
}
