import type { GpuDevice } from '../gpu/device'
import { OctavoError } from '../util/octavo-error'
import { stateLengthOf } from './parts/mixer'
import type { LayerState } from './state-copies'
import type { ModelTensors } from './tensors'

/**
 * Makes room for what layers keep of running sequences; null: a layer keeps nothing.
 *
 * @throws OctavoError 'limits-too-small'
 */
export function createLayerStates(
  gpu: GpuDevice,
  { layers }: ModelTensors,
  maxSequences: number,
): readonly (LayerState | null)[] {
  return layers.map(({ mixer }, i) => {
    const length = mixer.parts.reduce((sum, part) => sum + stateLengthOf(part), 0)
    if (length === 0) return null
    const slotBytes = Math.ceil(length / 4) * 16
    if (maxSequences * slotBytes > gpu.info.maxBindingBytes) {
      throw new OctavoError(
        'limits-too-small',
        `Layer ${i} keeps ${slotBytes} bytes of each of ${maxSequences} sequences; this GPU can address ${gpu.info.maxBindingBytes}.`,
        `Set maxSequences to ${Math.floor(gpu.info.maxBindingBytes / slotBytes)} or less, or choose a smaller model.`,
      )
    }
    return {
      buffer: gpu.storage(`layer ${i} state, f32 [slots, words]`, maxSequences * slotBytes),
      slotBytes,
    }
  })
}
