import type { ModelInfo } from '../model/model-info'
import { kernelsVersion } from '../model/tactics'
import { variantsInWords } from '../model/variants'
import type { DeviceLoss, EngineDiagnostics } from '../util/diagnostics'
import type { OpenedModel } from '../weights/types'
import { headerFacts } from './header-facts'
import type { EngineInfo } from './protocol'
import { browserVersion } from './tactics-store'

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
    variants: variantsInWords(info.variants),
    encoder,
    invariance: info.invariance,
    variantsFrom: info.diagnostics.from,
    precision: info.precision,
    exactTypes: info.exactTypes,
    droppedVariants: info.dropped,
    kvCache: { format, blockSize, blocks, maxTokens, bytes },
    prefixCache,
    gpuBytes: info.gpuBytes,
    peakGpuBytes: info.peakGpuBytes,
  }
}

/** What is said of a loaded model's kernels where something is odd. */
export async function engineDiagnostics(
  info: ModelInfo,
  losses: readonly DeviceLoss[],
): Promise<EngineDiagnostics> {
  const { maxBufferBytes: _, maxBindingBytes: __, ...device } = info.device
  return {
    device,
    browser: await browserVersion(),
    kernels: await kernelsVersion(),
    pipelines: info.pipelines,
    variants: info.diagnostics,
    deviceLosses: [...losses],
  }
}
