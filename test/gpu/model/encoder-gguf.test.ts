import { expect, it } from 'vitest'
import { readGgufHeader } from '../../../src/weights/gguf'
import {
  archJson,
  type EncoderGolden,
  furthest,
  openEncoder,
  sequencesOf,
} from '../../support/encoder-golden'
import { isQuick, openTestGpu } from '../../support/gpu'
import { loadEncoderRepo } from '../../support/load-encoder'
import type { Repo } from '../../support/safetensors-repo'
import { type GgufValue, writeGguf } from '../../support/tiny-model-file'

/** What llama.cpp's conversion calls BERT's tensors, and layer i's. */
const names: readonly (readonly [transformers: RegExp, llamaCpp: string])[] = [
  [/embeddings\.word_embeddings/, 'token_embd'],
  [/embeddings\.position_embeddings/, 'position_embd'],
  [/embeddings\.token_type_embeddings/, 'token_types'],
  [/embeddings\.LayerNorm/, 'token_embd_norm'],
  [/encoder\.layer\.(\d+)\.attention\.self\.query/, 'blk.$1.attn_q'],
  [/encoder\.layer\.(\d+)\.attention\.self\.key/, 'blk.$1.attn_k'],
  [/encoder\.layer\.(\d+)\.attention\.self\.value/, 'blk.$1.attn_v'],
  [/encoder\.layer\.(\d+)\.attention\.output\.dense/, 'blk.$1.attn_output'],
  [/encoder\.layer\.(\d+)\.attention\.output\.LayerNorm/, 'blk.$1.attn_output_norm'],
  [/encoder\.layer\.(\d+)\.intermediate\.dense/, 'blk.$1.ffn_up'],
  [/encoder\.layer\.(\d+)\.output\.dense/, 'blk.$1.ffn_down'],
  [/encoder\.layer\.(\d+)\.output\.LayerNorm/, 'blk.$1.layer_output_norm'],
  [/pooler\.dense/, 'cls'],
  [/classifier/, 'cls.output'],
]
const ggmlTypes: Readonly<Record<string, number>> = { F32: 0, F16: 1 }

/** The repo as llama.cpp's conversion writes it. `pooling`: llama.cpp's number. */
function converted({ header, bytes }: Repo, pooling: number): Uint8Array<ArrayBuffer> {
  const { config } = header.texts
  const count = (field: string): GgufValue => ({ u32: config[field] as number })
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { text: 'bert' }],
    ['bert.block_count', count('num_hidden_layers')],
    ['bert.context_length', count('max_position_embeddings')],
    ['bert.embedding_length', count('hidden_size')],
    ['bert.feed_forward_length', count('intermediate_size')],
    ['bert.attention.head_count', count('num_attention_heads')],
    ['bert.attention.layer_norm_epsilon', { f32: config.layer_norm_eps as number }],
    ['bert.attention.causal', { bool: false }],
    ['bert.pooling_type', { u32: pooling }],
    ['tokenizer.ggml.token_type_count', count('type_vocab_size')],
  ])
  const tensors = header.tensors.map(({ name, type, dims, offset, bytes: size }) => {
    const [from, to] = names.find(([pattern]) => pattern.test(name))!
    const own = name.replace(/^bert\./, '').replace(from, to)
    const values = new Float64Array()
    return [own, { type: ggmlTypes[type]!, dims, bytes: bytes.slice(offset, offset + size), values }] as const
  })
  // The conversion of a model that makes vectors leaves its pooler out.
  return writeGguf(metadata, new Map(tensors.filter(([name]) => pooling === 4 || !name.startsWith('cls'))))
}

const mean = 1
const cls = 2
const rank = 4

const cases = [
  ['bert', mean, 'mean_pooled'],
  ['bert', cls, 'cls_pooled'],
  ['bert-reranker', rank, 'logits'],
] as const
// A slow adapter has met the reranker's kernels elsewhere.
const few = isQuick(await openTestGpu()) ? cases : cases.slice(0, 1)

it.each(few)(
  '%s as a GGUF file, with pooling %d, gives the reference’s %s',
  async (name, pooling, output) => {
    const golden = await archJson<EncoderGolden>(`${name}/golden.json`)
    const bytes = converted(await openEncoder(name), pooling)
    const header = readGgufHeader(bytes, bytes.length)
    const { task, runner, destroy } = await loadEncoderRepo({ header, bytes })
    try {
      expect(task).toBe(pooling === rank ? 'score' : 'embed')
      const rows = await runner.run(sequencesOf(golden.sequences))
      for (const [i, row] of rows.entries())
        expect(furthest(row, golden.sequences[i]![output]!), `sequence ${i}`).toBeLessThan(
          output === 'logits' ? 1e-4 * golden.output_std : 1e-5,
        )
    } finally {
      destroy()
    }
  },
)
