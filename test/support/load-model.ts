import type { ModelDescription } from '../../src/model/description'
import { type LoadedModel, loadModel } from '../../src/model/load'
import { readDescription } from '../../src/model/read-description'
import type { TacticsOptions } from '../../src/model/tactics'
import type { Variants } from '../../src/model/variants'
import type { FloatWeights } from '../../src/util/float-weights'
import type { Invariance } from '../../src/util/invariance'
import type { KvFormat } from '../../src/util/kv-format'
import type { GgufHeader, ModelHeader } from '../../src/util/model-file'
import type { Precision } from '../../src/util/precision'
import { readGgufHeader } from '../../src/weights/gguf'
import { NeedMoreBytes } from '../../src/weights/malformed'
import type { Repo } from './safetensors-repo'
import { sharingGpu } from './sharing-gpu'

/** The real model, as the test page's server has it. */
export const realModelUrl = '/cache/SmolLM2-135M-Instruct.Q4_1.gguf'

/** A model file that can be read in pieces. */
interface ModelFile {
  readonly bytes: number
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>
}

export interface TestLoadOptions {
  /** Where left out, devices share what they compile with those of other loads. */
  readonly gpu?: GPU
  readonly format?: KvFormat
  readonly floatWeights?: FloatWeights
  readonly invariance?: Invariance
  readonly precision?: Precision
  readonly maxTokens?: number
  readonly maxSequences?: number
  readonly maxBatchTokens?: number
  /** To be tried in this order. */
  readonly variants?: Variants | readonly Variants[]
  readonly tactics?: TacticsOptions
  readonly signal?: AbortSignal
  /** Makes of a model's description another one. */
  readonly describe?: (description: ModelDescription) => ModelDescription
  /** Load only this many layers, as if the file had no more. */
  readonly layers?: number
}

/** Bytes of one piece: not a multiple of any block, so that pieces cut blocks in two. */
const pieceBytes = 3_999_999

export function loadModelBytes(
  bytes: Uint8Array<ArrayBuffer>,
  options: TestLoadOptions = {},
): Promise<LoadedModel> {
  const read = async (offset: number, length: number) => bytes.slice(offset, offset + length)
  return loadModelFile({ bytes: bytes.length, read }, options)
}

export async function loadModelUrl(url: string, options: TestLoadOptions = {}): Promise<LoadedModel> {
  return loadModelFile(await openUrl(url), options)
}

/** The files of a safetensors repo, with its config.json. */
export function loadRepo({ header, bytes }: Repo, options: TestLoadOptions = {}): Promise<LoadedModel> {
  const read = async (offset: number, length: number) => bytes.slice(offset, offset + length)
  return loadHeader({ bytes: bytes.length, read }, header, options)
}

async function openUrl(url: string): Promise<ModelFile> {
  const head = await fetch(url, { method: 'HEAD' })
  if (!head.ok) throw new Error(`${url}: ${head.status}; \`npm run model\` fetches it`)
  const read = async (offset: number, length: number) => {
    const response = await fetch(url, { headers: { Range: `bytes=${offset}-${offset + length - 1}` } })
    if (response.status !== 206) throw new Error(`${url}: ${response.status}`)
    return new Uint8Array(await response.arrayBuffer())
  }
  return { bytes: Number(head.headers.get('Content-Length')), read }
}

async function loadModelFile(file: ModelFile, options: TestLoadOptions): Promise<LoadedModel> {
  const whole = await readHeader(file)
  return loadHeader(file, options.layers === undefined ? whole : cutLayers(whole, options.layers), options)
}

async function loadHeader(
  file: ModelFile,
  header: ModelHeader,
  options: TestLoadOptions,
): Promise<LoadedModel> {
  const {
    format = 'f16',
    invariance = 'on',
    precision = 'exact',
    maxTokens = 512,
    maxSequences = 4,
    maxBatchTokens = 128,
  } = options
  const loading = await loadModel({
    gpu: options.gpu ?? sharingGpu(),
    header,
    ...(options.describe ? { description: options.describe(readDescription(header)) } : {}),
    kvCache: { format, maxTokens },
    floatWeights: options.floatWeights ?? 'exact',
    invariance,
    precision,
    maxSequences,
    maxBatchTokens,
    ...(options.variants ? { variants: [options.variants].flat() } : {}),
    ...(options.tactics ? { tactics: options.tactics } : {}),
    signal: options.signal ?? new AbortController().signal,
  })
  const first = Math.min(...header.tensors.map((tensor) => tensor.offset))
  const end = Math.max(...header.tensors.map((tensor) => tensor.offset + tensor.bytes))
  for (let at = first; at < end; at += pieceBytes) {
    await loading.sink.write(at, await file.read(at, Math.min(pieceBytes, end - at)))
  }
  return loading.finish()
}

async function readHeader(file: ModelFile): Promise<GgufHeader> {
  for (let length = 4_000_000; ; length *= 2) {
    try {
      return readGgufHeader(await file.read(0, Math.min(length, file.bytes)), file.bytes)
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw error
    }
  }
}

function cutLayers(header: GgufHeader, layers: number): GgufHeader {
  const metadata = new Map(header.metadata)
  metadata.set('llama.block_count', layers)
  const kept = header.tensors.filter(({ name }) => Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1) < layers)
  return { ...header, metadata, tensors: kept }
}
