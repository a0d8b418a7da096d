import { paddedColumns } from '../matrix'
import type { MatrixSource } from '../matrix-source'
import type { ScratchWidths } from '../scratch'
import type { LaurelDescription } from '../stream-description'
import type { NormTensors } from '../tensor-finder'
import { type PlanContext, tokensOf } from './context'
import { planNorm } from './norm'
import type { PartPlace } from './place'
import { planRescale } from './rescaled'

/** A learned residual of low rank, with one layer's tensors. */
export interface LaurelTensors extends Pick<LaurelDescription, 'scale'> {
  readonly rank: number
  readonly down: MatrixSource
  readonly up: MatrixSource
  readonly norm: NormTensors
}

export function findLaurel(
  { find, constants, hidden, name }: PartPlace,
  laurel: LaurelDescription,
): LaurelTensors {
  const { down, up, norm, scale } = laurel
  return {
    scale,
    rank: down.rows,
    down: find.matrix(`${name} laurel down`, [down], hidden)[0]!,
    up: find.matrix(`${name} laurel up`, [up], down.rows)[0]!,
    norm: find.norm(norm, hidden, constants),
  }
}

export function laurelScratch({ rank }: LaurelTensors, stride: number): ScratchWidths {
  return { activated: paddedColumns(rank), part: stride }
}

/** After the mixer, whose input `normed` is and will not be any more: it becomes the residual, which goes to the stream. */
export function planLaurel(
  context: PlanContext,
  { rank, down, up, norm, scale }: LaurelTensors,
  constants: GPUBuffer,
  normed: GPUBuffer,
  stream: GPUBuffer,
): void {
  const { plan, weights, activations, stride } = context
  const { activated, part } = activations.scratch
  plan.multiply(weights.matrix(down), {
    x: normed,
    y: activated,
    yStride: paddedColumns(rank),
    tokens: tokensOf,
  })
  plan.multiply(weights.matrix(up), { x: activated, y: part, yStride: stride, tokens: tokensOf })
  planNorm(context, norm, { constants, from: part, to: normed, adds: true })
  planRescale(context, { stream, added: normed, constants, scale })
}
