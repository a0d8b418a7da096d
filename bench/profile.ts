import { createEngine, type EngineProfile, type PhaseProfile } from '../src/index'
import type { Precision } from '../src/util/precision'
import { adapterName } from './adapter-name'

interface ProfiledRun {
  readonly model: File
  readonly gpu: GPU
  readonly precision: Precision
  readonly promptTokens: number
  readonly tokens: number
}

/** Profiles the second of two runs; the first one warms the device up. */
export async function profileModel({
  model,
  gpu,
  precision,
  ...run
}: ProfiledRun): Promise<{ readonly adapter: string; readonly profile: EngineProfile }> {
  const engine = await createEngine({ model, gpu, precision, kvCache: { maxTokens: 8192 } })
  await engine.profile(run)
  const profile = await engine.profile(run)
  await engine.unload()
  return { adapter: adapterName(engine.info), profile }
}

/** A phase as a table: its sums first, then its kernels. */
export function profileRows({ phase, steps, tokens, wallMs, gpuMs, kernels }: PhaseProfile): string[][] {
  const cells = (ms: number | null, digits: number) => (ms === null ? '–' : ms.toFixed(digits))
  const bytes = kernels.reduce((sum, row) => sum + row.bytes, 0)
  const calls = kernels.reduce((sum, row) => sum + row.calls, 0)
  const sums = `${steps} steps, ${tokens} tokens, ${cells(wallMs / steps, 2)} ms a step`
  return [
    ['kernel', 'variant', 'calls a step', 'ms a step', 'MB a step', 'GB/s', 'share'],
    [
      phase,
      sums,
      (calls / steps).toFixed(1),
      cells(gpuMs && gpuMs / steps, 3),
      (bytes / steps / 1e6).toFixed(2),
      cells(gpuMs && bytes / gpuMs / 1e6, 2),
      '',
    ],
    ...kernels.map((row) => [
      row.kernel,
      row.variant,
      (row.calls / steps).toFixed(1),
      cells(row.ms && row.ms / steps, 3),
      (row.bytes / steps / 1e6).toFixed(2),
      cells(row.gbPerSecond, 2),
      row.share === null ? '–' : `${(100 * row.share).toFixed(1)} %`,
    ]),
  ]
}
