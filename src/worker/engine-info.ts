import type { ModelInfo } from '../model/model-info'
import type { OpenedModel } from '../weights/types'
import { headerFacts } from './header-facts'
import type { EngineInfo } from './protocol'

/** What depends on what the model does with texts. */
interface TaskInfo extends Pick<EngineInfo, 'prefixCache' | 'encoder'> {
  readonly contextLength: number
}

/** What an app is told of a loaded model. */
export function engineInfo(
  { header, source }: OpenedModel,
  info: ModelInfo,
  { contextLength, prefixCache, encoder }: TaskInfo,
): EngineInfo {
  const { architecture, name } = headerFacts(header)
  const { format, blockSize, blocks, maxTokens, bytes } = info.kvCache
  return {
    model: {
      ...source,
      architecture,
      name,
      tensorTypes: Object.fromEntries(info.tensorTypes.map(({ type, tensors }) => [type, tensors])),
      parameters: info.parameters,
      bytes: header.fileBytes,
      contextLength,
    },
    device: info.device,
    variants: Object.fromEntries(
      Object.entries(info.variants).map(([name, variant]) => [name, words(variant)]),
    ),
    encoder,
    invariance: info.invariance,
    droppedVariants: info.dropped,
    kvCache: { format, blockSize, blocks, maxTokens, bytes },
    prefixCache,
    gpuBytes: info.gpuBytes,
    peakGpuBytes: info.peakGpuBytes,
  }
}

/** `64`, or `workgroup_size 64, segment_lanes 8`. */
function words(variant: unknown): string {
  if (typeof variant !== 'object' || variant === null) return String(variant)
  return Object.entries(variant)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
