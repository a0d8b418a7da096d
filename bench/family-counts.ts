import type { JsonObject } from '../src/util/model-file'
import type { Precision } from '../src/util/precision'
import { countingGpu } from '../test/support/count-device'
import { ForcedSequence } from '../test/support/force-tokens'
import { loadRepo } from '../test/support/load-model'
import { fetchRepo } from '../test/support/safetensors-repo'
import { noOpGpu } from './no-op-gpu'

/** What one decode step of a family's reference model asks of a device. */
export interface FamilyCounts {
  readonly name: string
  readonly layers: number
  readonly dispatches: number
  /** On average: layers of one model may be of several kinds. */
  readonly dispatchesPerLayer: number
  /** How often each kernel is dispatched in all layers together. */
  readonly kernels: Readonly<Record<string, number>>
}

/**
 * Counts at a device that does nothing, so that no kernel is compiled.
 *
 * @param precision where it is 'fast', the model's matrices are integers as well
 */
export async function countFamily(
  root: string,
  name: string,
  precision: Precision = 'exact',
): Promise<FamilyCounts> {
  const counting = countingGpu(noOpGpu())
  const config: JsonObject = await (await fetch(`${root}/${name}/config.json`)).json()
  const repo = await fetchRepo([`${root}/${name}/model.safetensors`], config)
  const { runner, info, destroy } = await loadRepo(repo, {
    gpu: counting.gpu,
    maxTokens: 64,
    maxSequences: 1,
    precision,
    ...(precision === 'fast' && { floatWeights: 'int4' }),
  })
  const sequence = new ForcedSequence(runner, 0, 32)
  await sequence.prefill([1, 2, 3], 3)
  counting.reset()
  await sequence.decode(1)
  const dispatched = [...counting.dispatched]
  destroy()
  const first = dispatched.findIndex((kernel) => kernel !== 'embed')
  const inLayers = dispatched.slice(first, dispatched.indexOf('gather_rows'))
  const kernels: Record<string, number> = {}
  for (const kernel of inLayers) kernels[kernel] = (kernels[kernel] ?? 0) + 1
  const layers = info.description.layers.length
  const dispatches = dispatched.length
  return { name, layers, dispatches, dispatchesPerLayer: inLayers.length / layers, kernels }
}

/** The decoders among the reference models, in their index's order. */
export async function decoderNames(root: string): Promise<readonly string[]> {
  const { cases } = (await (await fetch(`${root}/index.json`)).json()) as {
    readonly cases: readonly { readonly name: string; readonly kind: string }[]
  }
  return cases.filter(({ kind }) => kind === 'causal').map(({ name }) => name)
}
