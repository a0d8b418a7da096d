import { rescale } from '../../kernels/rescale'
import type { PlanContext } from './context'

/** The stream ← scale · (stream + what is added), by a number or by the layer's constant at that place. */
export function planRescale(
  { plan, variants, hidden, stride }: PlanContext,
  rows: {
    readonly stream: GPUBuffer
    readonly added?: GPUBuffer
    readonly constants: GPUBuffer
    readonly scale: number | { readonly at: number }
  },
): void {
  const { stream, added, constants, scale } = rows
  const learned = typeof scale === 'object'
  plan.add(rescale, {
    variant: {
      constants: { workgroup_size: variants.rowLanes },
      conditions: { added: added !== undefined, learned },
    },
    buffers: { x: added ?? constants, constants, y: stream },
    params: {
      width: hidden,
      stride,
      scale: learned ? 1 : scale,
      scale_at: learned ? scale.at : 0,
    },
    shape: ({ tokens }) => ({ tokens, width: hidden }),
  })
}
