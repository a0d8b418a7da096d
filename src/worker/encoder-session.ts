import type { Encoder } from '../engine/encoder'
import type { GpuEncoder } from '../model/encoder-runner'
import type { EncoderSequence } from '../model/encoder-step'
import type { VectorSettings } from '../model/vector-settings'
import { frameText } from '../text/framed-text'
import { strip } from '../text/string-methods'
import type { Tokenizer } from '../text/types'
import type { EngineDiagnostics } from '../util/diagnostics'
import { OctavoError } from '../util/octavo-error'
import { lengthsOf, promptOf } from './profiled-run'
import type {
  EmbeddingCall,
  EmbeddingResult,
  EncoderInfo,
  EngineInfo,
  EngineStats,
  ProfiledRun,
  RerankCall,
  RerankScores,
} from './protocol'
import { cosine, resized, sigmoid } from './vectors'

interface EncoderParts {
  readonly info: EngineInfo & { readonly encoder: EncoderInfo }
  readonly encoder: Pick<Encoder, 'encode' | 'limits' | 'stats'>
  readonly diagnostics: () => Promise<EngineDiagnostics>
  readonly profiler: GpuEncoder['profiler']
  readonly tokenizer: Pick<Tokenizer, 'encode' | 'frames'>
  readonly settings: Pick<VectorSettings, 'lowercases' | 'prompts' | 'defaultPrompt'>
  /** What becomes of a score. */
  readonly activation: 'sigmoid' | 'identity'
  /** Ends what runs and releases the GPU. */
  readonly unload: () => void
}

/** Names that repos give to what is put before documents, as sentence-transformers looks for them. */
const documentPrompts = ['document', 'passage', 'corpus']

/** A loaded model that reads whole texts: they come in, vectors and scores go out. */
export class EncoderSession {
  readonly kind = 'encoder'
  readonly #parts: EncoderParts

  constructor(parts: EncoderParts) {
    this.#parts = parts
  }

  get info(): EngineInfo {
    return this.#parts.info
  }

  /**
   * A vector for each input.
   *
   * @throws OctavoError 'invalid-request', 'context-too-long', 'unsupported-architecture', and what encoding throws
   */
  async embed(call: EmbeddingCall, signal: AbortSignal): Promise<EmbeddingResult> {
    const { dimensions: width, task } = this.#parts.info.encoder
    if (task !== 'embed') throw this.#cannot('it scores pairs of texts and makes no vectors', 'rerank')
    const { inputs, dimensions, truncateTo } = call
    if (dimensions !== null && dimensions > width) {
      throw new OctavoError(
        'invalid-request',
        `dimensions is ${dimensions}; this model’s vectors have ${width}.`,
        `Give at most ${width}, or leave dimensions out.`,
      )
    }
    const prompt = this.#prompt(call.promptName)
    const sequences = inputs.map((input, i) => {
      const where = inputs.length === 1 ? 'The input' : `input[${i}]`
      return this.#checked(
        typeof input === 'string'
          ? this.#framed([prompt + input], truncateTo, where)
          : this.#given(input, truncateTo, where),
        where,
      )
    })
    const vectors = await this.#parts.encoder.encode(sequences, signal)
    return {
      vectors: dimensions === null ? vectors : vectors.map((vector) => resized(vector, dimensions)),
      promptTokens: tokensOf(sequences),
    }
  }

  /**
   * A score for each document: the model's own, or where it makes vectors their cosine.
   *
   * @throws OctavoError 'context-too-long', 'unsupported-architecture', and what encoding throws
   */
  async rerank(call: RerankCall, signal: AbortSignal): Promise<RerankScores> {
    const { encoder, info, activation } = this.#parts
    const { query, documents, truncateTo } = call
    if (info.encoder.task === 'embed') return this.#rankByVectors(call, signal)
    if (info.encoder.dimensions !== 1) {
      throw this.#cannot(`it sorts texts into ${info.encoder.dimensions} classes and ranks none`, null)
    }
    const pairs = documents.map((document, i) => {
      const where = `The query with documents[${i}]`
      return this.#checked(this.#framed([query, document], truncateTo, where), where)
    })
    const outputs = await encoder.encode(pairs, signal)
    const scores = outputs.map(([score]) => (activation === 'sigmoid' ? sigmoid(score!) : score!))
    return { scores, promptTokens: tokensOf(pairs) }
  }

  async #rankByVectors(
    { query, documents, truncateTo }: RerankCall,
    signal: AbortSignal,
  ): Promise<RerankScores> {
    const { encoder, settings } = this.#parts
    const named = (...names: string[]) => names.find((name) => settings.prompts.has(name)) ?? null
    const before = this.#prompt(named(...documentPrompts))
    const framed = (text: string, where: string) =>
      this.#checked(this.#framed([text], truncateTo, where), where)
    const sequences = [
      framed(this.#prompt(named('query')) + query, 'query'),
      ...documents.map((document, i) => framed(before + document, `documents[${i}]`)),
    ]
    const [own, ...others] = await encoder.encode(sequences, signal)
    return { scores: others.map((other) => cosine(own!, other)), promptTokens: tokensOf(sequences) }
  }

  diagnostics(): Promise<EngineDiagnostics> {
    return this.#parts.diagnostics()
  }

  get profiler(): GpuEncoder['profiler'] {
    return this.#parts.profiler
  }

  /** @throws OctavoError 'context-too-long', 'queue-full', 'aborted' */
  async runProfiled(run: ProfiledRun, signal: AbortSignal): Promise<void> {
    const { encoder, info } = this.#parts
    const { promptTokens } = lengthsOf({ ...run, tokens: 0 }, info.encoder.maxTokens)
    const ids = promptOf(0, promptTokens, encoder.limits.vocabSize)
    await encoder.encode([this.#given(ids, null, 'The text')], signal)
  }

  stats(): EngineStats {
    const { running, waiting, steps, recovering } = this.#parts.encoder.stats()
    return {
      runningSequences: running,
      waitingSequences: waiting,
      blocksInUse: 0,
      blocks: 0,
      cachedBlocks: 0,
      prefixHitTokens: 0,
      prefixEvictions: 0,
      steps,
      recovering,
    }
  }

  unload(): void {
    this.#parts.unload()
  }

  #prompt(name: string | null): string {
    const { prompts, defaultPrompt } = this.#parts.settings
    const chosen = name ?? defaultPrompt
    if (chosen === null) return ''
    const prompt = prompts.get(chosen)
    if (prompt !== undefined) return prompt
    const known = [...prompts.keys()].join(', ')
    throw new OctavoError(
      'invalid-request',
      `prompt_name is '${chosen}', which the model’s repo does not have.`,
      known === '' ? 'Leave prompt_name out: it has none.' : `Give one of these: ${known}.`,
    )
  }

  /** As sentence-transformers does it: white space around a text is no part of it. */
  #framed(
    texts: readonly [string] | readonly [string, string],
    truncateTo: number | null,
    where: string,
  ): EncoderSequence {
    const { tokenizer, settings } = this.#parts
    const clean = (text: string) => (settings.lowercases ? strip(text).toLowerCase() : strip(text))
    const [first, second] = texts
    const most = this.#limit(truncateTo)
    const { wholeTokens, ...sequence } = frameText(
      tokenizer,
      second === undefined ? [clean(first)] : [clean(first), clean(second)],
      most,
    )
    if (truncateTo === null && wholeTokens > most) throw tooLong(where, wholeTokens, most)
    return sequence
  }

  #given(ids: readonly number[], truncateTo: number | null, where: string): EncoderSequence {
    const most = this.#limit(truncateTo)
    if (truncateTo === null && ids.length > most) throw tooLong(where, ids.length, most)
    const kept = ids.slice(0, most)
    return { ids: kept, types: kept.map(() => 0) }
  }

  #limit(truncateTo: number | null): number {
    const { maxTokens } = this.#parts.info.encoder
    if (truncateTo === null || truncateTo < 0) return maxTokens
    if (truncateTo > maxTokens) {
      throw new OctavoError(
        'invalid-request',
        `truncate_prompt_tokens is ${truncateTo}; this model takes ${maxTokens} tokens.`,
        `Give at most ${maxTokens}, or −1 for what the model takes.`,
      )
    }
    return truncateTo
  }

  #checked(sequence: EncoderSequence, where: string): EncoderSequence {
    const { vocabSize } = this.#parts.encoder.limits
    if (sequence.ids.length === 0 || sequence.ids.length > this.#parts.info.encoder.maxTokens) {
      throw new OctavoError(
        'invalid-request',
        `${where} has ${sequence.ids.length} tokens.`,
        'Give a text of at least one token, and let it keep some where it is truncated.',
      )
    }
    const beyond = sequence.ids.find((id) => id >= vocabSize)
    if (beyond !== undefined) {
      throw new OctavoError(
        'invalid-request',
        `${where} has the token id ${beyond}; this model’s ids are below ${vocabSize}.`,
        'Give ids of this model’s tokenizer, or the text.',
      )
    }
    return sequence
  }

  #cannot(why: string, instead: string | null): OctavoError {
    return new OctavoError(
      'unsupported-architecture',
      `${this.#parts.info.model.reference} cannot do this: ${why}.`,
      instead === null ? 'Load another model for it.' : `Use engine.${instead}, or load another model.`,
    )
  }
}

function tokensOf(sequences: readonly EncoderSequence[]): number {
  return sequences.reduce((sum, { ids }) => sum + ids.length, 0)
}

function tooLong(where: string, tokens: number, most: number): OctavoError {
  return new OctavoError(
    'context-too-long',
    `${where} has ${tokens} tokens; this model takes ${most}.`,
    'Shorten the text, cut it into several, or set truncate_prompt_tokens to −1 to use its beginning only.',
  )
}
