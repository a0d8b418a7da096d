import type { JsonObject, TensorInfo } from '../src/util/model-file'
import { readSafetensorsHeader } from '../src/weights/safetensors'
import { dequantize } from '../test/reference/dequantize'
import { ForcedSequence } from '../test/support/force-tokens'
import { loadRepo, type TestLoadOptions } from '../test/support/load-model'
import { makeRepo } from '../test/support/safetensors-repo'
import { quantizations } from './int4'

/** A golden decoder: its repo's files, and what transformers computes from them. */
export interface GoldenDecoder {
  readonly name: string
  readonly file: Uint8Array<ArrayBuffer>
  readonly config: JsonObject
  readonly golden: {
    readonly logit_std: number
    readonly sequences: readonly {
      readonly input_ids: readonly number[]
      readonly last_logits: readonly number[]
    }[]
  }
}

export interface LogitError {
  readonly name: string
  /** For each decoder, by its sequences: root mean square difference of the last logits, in their standard deviations. */
  readonly deviations: readonly (readonly number[])[]
}

/**
 * How far off each way to quantize takes the logits of tiny decoders: the matrices of layers as it leaves them, the rest
 * as in the file. First what the GPU's own path gives with `floatWeights: 'int4'`, embedding and output included.
 */
export async function measureLogits(gpu: GPU, decoders: readonly GoldenDecoder[]): Promise<LogitError[]> {
  const rows: LogitError[] = []
  const measure = async (
    name: string,
    file: (decoder: GoldenDecoder) => Uint8Array<ArrayBuffer>,
    options: TestLoadOptions,
  ) => {
    const deviations: number[][] = []
    for (const decoder of decoders) {
      deviations.push(
        await deviationsOf(decoder, file(decoder), { ...options, gpu, format: 'f32', maxTokens: 128 }),
      )
    }
    rows.push({ name, deviations })
  }
  const original = ({ file }: GoldenDecoder) => file
  await measure("floats: floatWeights 'exact'", original, { floatWeights: 'exact' })
  await measure("floatWeights 'int4': Q4_K or Q4_1, and Q8_0", original, { floatWeights: 'int4' })
  for (const { name, store } of quantizations) {
    await measure(name, ({ file }) => withStored(file, store), { floatWeights: 'exact' })
  }
  return rows
}

async function deviationsOf(
  { config, golden }: GoldenDecoder,
  file: Uint8Array<ArrayBuffer>,
  options: TestLoadOptions,
): Promise<number[]> {
  const { runner, destroy } = await loadRepo(makeRepo([file], config), options)
  const deviations: number[] = []
  for (const { input_ids, last_logits } of golden.sequences) {
    const { logits } = await new ForcedSequence(runner, 0, 64).prefill(input_ids, 16)
    const squares = last_logits.reduce((sum, value, i) => sum + (value - logits[i]!) ** 2, 0)
    deviations.push(Math.sqrt(squares / last_logits.length) / golden.logit_std)
  }
  destroy()
  return deviations
}

/** The file with all tensors as F32, the matrices of layers as `store` leaves them. */
function withStored(
  file: Uint8Array<ArrayBuffer>,
  store: (weights: Float32Array) => Float32Array,
): Uint8Array<ArrayBuffer> {
  const header: Record<string, object> = {}
  const parts: Uint8Array[] = []
  let end = 0
  for (const tensor of readSafetensorsHeader(file, file.length)) {
    const floats = floatsOf(file, tensor)
    const values =
      tensor.name.startsWith('model.layers.') && tensor.dims.length === 2 ? store(floats) : floats
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    header[tensor.name] = {
      dtype: 'F32',
      shape: [...tensor.dims].reverse(),
      data_offsets: [end, end + bytes.length],
    }
    parts.push(bytes)
    end += bytes.length
  }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const whole = new Uint8Array(8 + text.length + end)
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true)
  whole.set(text, 8)
  let at = 8 + text.length
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function floatsOf(file: Uint8Array<ArrayBuffer>, { type, offset, bytes }: TensorInfo): Float32Array {
  return Float32Array.from(dequantize(type, file.slice(offset, offset + bytes)).values)
}
