import { type LoadedEncoder, loadEncoder } from '../../src/model/load-encoder'
import type { TacticsOptions } from '../../src/model/tactics'
import type { Variants } from '../../src/model/variants'
import type { FloatWeights } from '../../src/util/float-weights'
import type { Invariance } from '../../src/util/invariance'
import type { ModelHeader } from '../../src/util/model-file'

/** A model whole in memory. */
interface WholeModel {
  readonly header: ModelHeader
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface TestEncoderOptions {
  readonly gpu?: GPU
  readonly floatWeights?: FloatWeights
  readonly invariance?: Invariance
  readonly variants?: Variants
  readonly maxBatchTokens?: number
  readonly tactics?: TacticsOptions
}

/** Bytes of one piece: not a multiple of any block, so that pieces cut blocks in two. */
const pieceBytes = 999_999

/** An encoder from its file, or the files of its repo. */
export async function loadEncoderRepo(
  { header, bytes }: WholeModel,
  {
    gpu = navigator.gpu,
    floatWeights = 'exact',
    invariance = 'on',
    variants,
    maxBatchTokens = 64,
    tactics,
  }: TestEncoderOptions = {},
): Promise<LoadedEncoder> {
  const loading = await loadEncoder({
    gpu,
    header,
    kvCache: { format: 'f16', maxTokens: null },
    floatWeights,
    invariance,
    precision: 'exact',
    maxSequences: 4,
    maxBatchTokens,
    ...(variants ? { variants: [variants] } : {}),
    ...(tactics ? { tactics } : {}),
    signal: new AbortController().signal,
  })
  const first = Math.min(...header.tensors.map(({ offset }) => offset))
  const end = Math.max(...header.tensors.map((tensor) => tensor.offset + tensor.bytes))
  for (let at = first; at < end; at += pieceBytes) {
    await loading.sink.write(at, bytes.slice(at, Math.min(end, at + pieceBytes)))
  }
  return loading.finish()
}
