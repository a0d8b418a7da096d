import { existsSync } from 'node:fs'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, testModel } from '../../scripts/model.ts'
import { allTypes, tinyModel } from '../../test/support/tiny-model.ts'
import { onnxDecoder } from './onnx/decoder.ts'
import { contextTokens, type ModelName, type PeerShape, shapes } from './shapes.ts'

/** Where a model's files are, in both forms. */
export interface PeerModel {
  readonly gguf: string
  /** A folder as a repo on the Hub: config.json, onnx/model_q4.onnx. */
  readonly onnx: string
}

/**
 * The model's files, made where they are not there yet. `135m` in GGUF is the real SmolLM2-135M-Instruct; in ONNX it has
 * the same shape and random weights, which take the same time.
 */
export async function peerModel(name: ModelName, forms: { readonly onnx: boolean }): Promise<PeerModel> {
  const shape = shapes[name]
  const folder = join(cacheFolder, 'peers', name)
  const onnx = join(folder, 'onnx-model')
  if (forms.onnx) await onnxRepo(onnx, shape)
  if (name === '135m') return { gguf: (await testModel()).file, onnx }
  const gguf = join(folder, 'model.gguf')
  const { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, ropeBase } = shape
  await once(gguf, () => {
    const sizes = { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, ropeBase }
    return [tinyModel({ ...sizes, types: allTypes('Q4_1'), contextLength: contextTokens }).file]
  })
  return { gguf, onnx }
}

async function onnxRepo(folder: string, shape: PeerShape): Promise<void> {
  const ids = { bos_token_id: 1, eos_token_id: 2, pad_token_id: 2 }
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: shape.hidden,
    intermediate_size: shape.intermediate,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    head_dim: shape.headDim,
    vocab_size: shape.vocab,
    max_position_embeddings: contextTokens,
    rms_norm_eps: shape.normEpsilon,
    rope_theta: shape.ropeBase,
    tie_word_embeddings: true,
    hidden_act: 'silu',
    ...ids,
  }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  await writeFile(join(folder, 'generation_config.json'), JSON.stringify(ids))
  await once(join(folder, 'onnx/model_q4.onnx'), () => onnxDecoder(shape).parts)
}

/** Writes a file beside its place and moves it there when it is whole. */
async function once(file: string, parts: () => readonly Uint8Array[]): Promise<void> {
  if (existsSync(file)) return
  await mkdir(join(file, '..'), { recursive: true })
  const part = await open(`${file}.part`, 'w')
  try {
    for (const bytes of parts()) await part.write(bytes)
  } finally {
    await part.close()
  }
  await rename(`${file}.part`, file)
}
