import { fetchParts } from '../model/fetch-parts'
import { embeddingRows } from '../model/read-description'
import { type Room, readTypeNames, roomNeeded } from '../model/room'
import { createTokenizer, fetchTokenizer } from '../text/tokenizer'
import { megabytes } from '../util/disk'
import { OctavoError } from '../util/octavo-error'
import { openModel } from '../weights/open-model'
import { browserPlatform } from '../weights/platform'
import { parseReference } from '../weights/reference'
import { describeRepo, type RepoFacts } from '../weights/repo-facts'
import type { OpenedModel } from '../weights/types'
import { type HeaderFacts, headerFacts } from './header-facts'
import type { InspectionReason, ModelInspection, QuantizationChoice } from './inspection'
import { encoders } from './load-session'
import { modelReference, roomOptions } from './model-loader'
import type { LoadRequest } from './protocol'

/** What a device has for a model, as far as a browser says. */
export interface DeviceMeans {
  readonly gpu: GPU | null
  /** Why there is no GPU. */
  readonly noGpu: OctavoError
  /** Bytes of main memory; null where it is not said. Browsers say no more than 8 GiB of any device. */
  readonly memoryBytes: number | null
}

/** How long the Hub may take to say what else a repo has. */
const repoTimeoutMs = 10_000
const mostToldBytes = 8 * 1024 ** 3

/**
 * Reads a model's header, its repo's description and this device's limits, and says what would happen if it were loaded.
 *
 * @throws OctavoError where there is no such model or its header cannot be read
 */
export async function inspect(
  means: DeviceMeans,
  request: LoadRequest,
  signal: AbortSignal,
): Promise<ModelInspection> {
  const reference = modelReference(request.model)
  const repoFacts = factsOfRepo(reference, request, signal)
  repoFacts.catch(() => undefined)
  const reasons: InspectionReason[] = []
  const opened = await openedEvenIfDiskIsFull(reference, request, signal, reasons)
  const { header, source } = opened
  await Promise.all([fetchParts(header), fetchTokenizer(header)])
  await attempt(reasons, () => createTokenizer(header, embeddingRows(header)))
  const room = await roomFor(means, request, opened, reasons)
  const { licence, models } = await repoFacts
  const facts = headerFacts(header)
  const { reference: asked, repo, revision, file } = source
  return {
    model: {
      reference: asked,
      repo,
      revision,
      architecture: facts.architecture,
      name: facts.name,
      contextLength: facts.contextLength,
      parameters: room?.parameters ?? facts.weights,
      quantization: quantizationOf(file) ?? facts.quantization,
      licence: licence ?? facts.licence,
    },
    files: opened.files,
    downloadBytes: opened.files.reduce((sum, { bytes }) => sum + bytes, 0),
    features: facts.features,
    gpu: room && gpuNeeds(room),
    fits: reasons.length === 0,
    reasons,
    quantizations: choices(opened, facts, models, room, reasons, means),
  }
}

function gpuNeeds({ bytes, weightBytes, kvCacheBytes, contextTokens }: Room): ModelInspection['gpu'] {
  return { bytes, weightBytes, kvCacheBytes, contextTokens }
}

async function factsOfRepo(
  reference: string | readonly File[],
  { hub }: LoadRequest,
  signal: AbortSignal,
): Promise<RepoFacts> {
  const none = { licence: null, models: [] }
  const parsed = parseReference(reference, hub.endpoint)
  if (parsed.kind !== 'hub') return none
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(repoTimeoutMs)])
  // A model that is stored on this device is told of without a network.
  return describeRepo(parsed, hub, { ...browserPlatform, signal: inTime }).catch(() => none)
}

async function openedEvenIfDiskIsFull(
  reference: string | readonly File[],
  { hub }: LoadRequest,
  signal: AbortSignal,
  reasons: InspectionReason[],
): Promise<OpenedModel> {
  try {
    return await openModel(reference, { hub, signal })
  } catch (error) {
    if (!(error instanceof OctavoError) || error.code !== 'disk-full') throw error
    reasons.push(reasonOf(error))
    return openModel(reference, { hub, signal, platform: { ...browserPlatform, space: null } })
  }
}

/** What the model takes; where this GPU refuses it, what it would take on one that does not. */
async function roomFor(
  { gpu, noGpu, memoryBytes }: DeviceMeans,
  request: LoadRequest,
  { header }: OpenedModel,
  reasons: InspectionReason[],
): Promise<Room | null> {
  const options = roomOptions(request, header)
  if (!gpu) reasons.push(reasonOf(noGpu))
  const room =
    (gpu && (await attempt(reasons, () => roomNeeded(gpu, options, () => encoders.fetch())))) ??
    (await attempt(gpu ? [] : reasons, () => roomNeeded(null, options, () => encoders.fetch())))
  if (room && lacksMemory(room.bytes, memoryBytes)) {
    reasons.push({
      code: 'gpu-out-of-memory',
      message: `It takes ${megabytes(room.bytes)} on the GPU; this device has about ${megabytes(memoryBytes!)} of memory in all.`,
      remedy: 'Choose a smaller model or quantization, or a smaller kvCache.maxTokens.',
    })
  }
  return room
}

/** Runs a part of what a load would do; where it fails, why is kept. */
async function attempt<T>(reasons: InspectionReason[], part: () => T | Promise<T>): Promise<T | null> {
  try {
    return await part()
  } catch (error) {
    if (!(error instanceof OctavoError) || error.code === 'aborted') throw error
    reasons.push(reasonOf(error))
    return null
  }
}

function reasonOf({ code, message, remedy }: OctavoError): InspectionReason {
  return { code, message, remedy }
}

/** A browser that says 8 GiB may mean any more. */
function lacksMemory(bytes: number, memoryBytes: number | null): boolean {
  return memoryBytes !== null && memoryBytes < mostToldBytes && bytes > memoryBytes
}

const quantizationPattern =
  /(?:^|[-._/])((?:UD-)?(?:I?Q\d\w*|TQ\d\w*|MXFP4\w*|NVFP4\w*|BF16|F16|F32))(?=[-.]|$)/gi

/** `Q4_K_M` of `model-Q4_K_M.gguf`; null where the name has none. */
function quantizationOf(path: string): string | null {
  if (!/\.gguf$/i.test(path)) return null
  return [...path.matchAll(quantizationPattern)].at(-1)?.[1]?.toUpperCase() ?? null
}

function choices(
  { header, source }: OpenedModel,
  { quantization }: Pick<HeaderFacts, 'quantization'>,
  models: RepoFacts['models'],
  room: Room | null,
  reasons: readonly InspectionReason[],
  { memoryBytes }: DeviceMeans,
): readonly QuantizationChoice[] {
  const revision = source.revision === null ? '' : `@${source.revision}`
  // What is wrong with the model itself, or with the device whatever the model, a smaller file does not mend.
  const hopeless = reasons.some(({ code }) => !bySize.includes(code) && code !== 'unsupported-tensor-type')
  const tooLarge = reasons.some(({ code }) => bySize.includes(code))
  return models.map(({ path, files, bytes, weightBytes }) => {
    const own = path === source.file
    // Of another safetensors model this is the most: its floats become fewer bits while they load.
    const gpuBytes = room && room.bytes + (own ? 0 : weightBytes - room.weightBytes)
    const roomy = gpuBytes !== null && !lacksMemory(gpuBytes, memoryBytes)
    const smaller = !tooLarge || weightBytes < (room?.weightBytes ?? header.fileBytes)
    return {
      reference: `${source.repo}${revision}:${path}`,
      name: quantizationOf(path) ?? (own ? quantization : path),
      files: files.length,
      bytes,
      gpuBytes,
      fits: own ? reasons.length === 0 : !hopeless && roomy && smaller && isRead(path),
    }
  })
}

/** Reasons that a smaller file may not meet. */
const bySize: readonly string[] = ['disk-full', 'gpu-out-of-memory', 'limits-too-small']

/** Whether the types that a quantization's name tells of are read: `Q4_K` of `Q4_K_M`. */
function isRead(path: string): boolean {
  const name = quantizationOf(path)?.replace(/^UD-/, '')
  return name === undefined || readTypeNames().some((type) => name === type || name.startsWith(`${type}_`))
}
