import type { Kernel, ParamType } from '../src/gpu/kernel'
import {
  adjustIdsPerLane,
  adjustLogits,
  logprobs,
  resultWords,
  sample,
  settingsWords,
} from '../src/kernels/sample'
import { mostListWords, SamplingWriter } from '../src/model/sampling'
import { greedy, type SamplerSettings } from '../src/model/step'
import type { Variants } from '../src/model/variants'
import { Random } from '../test/support/gpu-random'
import type { TimedDispatch } from './kernel-timer'

/** Of SmolLM2, Llama 3 and Gemma 3. */
export const vocabularies = [49152, 128256, 262144]

interface RowShape {
  readonly rows: number
  readonly vocab: number
}

interface SamplingCase {
  // biome-ignore lint/suspicious/noExplicitAny: kernels that bind different things
  readonly kernel: Kernel<RowShape, any, Record<string, ParamType>, any>
  readonly what: string
  readonly dispatch: TimedDispatch<RowShape>
}

type Settings = Readonly<Record<string, Partial<SamplerSettings>>>

const draws: Settings = {
  greedy: {},
  temperature: { temperature: 0.8 },
  'top-k 40, top-p 0.9': { temperature: 0.8, topK: 40, topP: 0.9 },
  'top-p 0.9': { temperature: 0.8, topP: 0.9 },
  // Of thousands of ids, where hardly one is much better than the others.
  'top-p 0.9, hot': { temperature: 4, topP: 0.9 },
}

/** One row of logits that lie as a model's do: a bell, and some dozens above it. */
function logitsOf(vocab: number): Uint32Array<ArrayBuffer> {
  const random = new Random(1)
  const logits = random.normals(vocab, 2.5)
  for (let i = 0; i < 40; i++) logits[random.integer(vocab)] = 12 + 8 * random.uniform()
  return new Uint32Array(logits.buffer)
}

export function samplingCases(vocab: number, variants: Variants): SamplingCase[] {
  const logits = logitsOf(vocab)
  const lanes = { workgroup_size: variants.samplerLanes }
  const shape = { rows: 1, vocab }
  const batch = (settings: Partial<SamplerSettings>) => {
    const words = new Uint32Array(settingsWords + mostListWords(vocab))
    new SamplingWriter(words, vocab).write(0, settingsWords, { ...greedy, ...settings }, 0, 0)
    return words
  }
  const drawing = Object.entries(draws).map(([what, settings]) => ({
    kernel: sample,
    what,
    dispatch: {
      variant: { constants: lanes },
      buffers: { logits, batch: batch(settings), results: resultWords, sampled: 1, counts: vocab },
      params: { vocab, settings_at: 0, result_words: resultWords },
      shape,
    },
  }))
  const adjusted: Settings = {
    'a frequency penalty': { frequencyPenalty: 0.1 },
    'penalties, 300 biases, a mask': {
      repetitionPenalty: 1.1,
      logitBias: Array.from({ length: 300 }, (_, id) => [id, 1] as const),
      allowed: new Uint32Array(Math.ceil(vocab / 32)).fill(0xfffffffe),
    },
  }
  const adjusting = Object.entries(adjusted).map(([what, settings]) => ({
    kernel: adjustLogits,
    what,
    dispatch: {
      variant: { constants: { ...lanes, ids_per_lane: adjustIdsPerLane } },
      buffers: { logits, batch: batch(settings), counts: new Uint32Array(vocab), adjusted: vocab },
      params: { vocab, settings_at: 0 },
      shape,
    },
  }))
  const reporting = {
    kernel: logprobs,
    what: 'top 5',
    dispatch: {
      variant: { constants: lanes },
      buffers: { logits, batch: new Uint32Array([3, 5]), results: resultWords },
      params: { vocab, targets_at: 0, result_words: resultWords },
      shape,
    },
  }
  return [...drawing, ...adjusting, reporting]
}
