import { activates } from '../../kernels/activation'
import { gated } from '../../kernels/gated'
import type { AttentionDescription, HeadNormDescription } from '../description'
import { lazyParts } from '../lazy-parts'
import { paddedColumns } from '../matrix'
import type { ScratchWidths } from '../scratch'
import { addOne } from '../tensor-finder'
import { planHeads } from './attention-heads'
import type { LayerBuffers, PartRows, PlanContext } from './context'
import type { LatentTensors } from './latent'
import type { PartPlace } from './place'
import { findOutput, findProjected, type OutputTensors, type ProjectedTensors, planOutput } from './projected'

/** Attention over the KV cache (Vaswani et al. 2017, arXiv:1706.03762), with the tensors of one layer. */
export interface AttentionTensors extends Omit<AttentionDescription, 'latent'> {
  /** Q, K and V. */
  readonly input: ProjectedTensors
  readonly back: OutputTensors
  readonly latent: LatentTensors | null
  /** f32 values of a token's projected row. */
  readonly rowWidth: number
  /** Where the layer's constants have them; null: they have none. */
  readonly at: {
    readonly queryNorm: number | null
    readonly keyNorm: number | null
    readonly sinks: number | null
    readonly positionBias: number | null
  }
}

/** Buckets of distances that a position bias has. */
const biasBuckets = 32

export function findAttention(place: PartPlace, attention: AttentionDescription): AttentionTensors {
  const { find, constants } = place
  const { projections, output, heads, kvHeads, headDim, headNorm, sinks, positionBias, latent } = attention
  const bias =
    positionBias === null ? null : find.typed(`${positionBias}.weight`, floats, [biasBuckets, heads])
  const input = findProjected(place, projections)
  return {
    ...attention,
    input,
    rowWidth: input.width + (latent?.query?.projection.rows ?? 0),
    back: findOutput(place, output, heads * (latent?.valueDim ?? headDim)),
    latent: latent && lazyParts.latent.fetched.findLatent(place, latent, heads),
    at: {
      queryNorm: headNorm && findHeadNorm(place, headNorm, headNorm.query, heads * headDim, headDim),
      keyNorm:
        headNorm && attention.sharesKvOf === null
          ? findHeadNorm(place, headNorm, headNorm.key, kvHeads * headDim, headDim)
          : null,
      sinks: sinks === null ? null : constants.add(find.vector(sinks, heads), heads),
      positionBias: bias && constants.add(bias, biasBuckets * heads),
    },
  }
}

const floats = ['F32', 'F16', 'BF16']

/** The weights of all heads, or those that all share. */
function findHeadNorm(
  { find, constants }: PartPlace,
  { over, plusOne }: HeadNormDescription,
  stems: readonly string[],
  all: number,
  headDim: number,
): number {
  const change = plusOne ? addOne : null
  const at = constants.take(over === 'head' ? headDim : all)
  stems.forEach((stem, i) => {
    const name = `${stem}.weight`
    // Where there is one head, both ways come to the same.
    const apart = stems.length > 1 || over === 'head' || all === headDim
    const tensor =
      over === 'heads' && !apart
        ? find.typed(name, floats, [all / headDim, headDim])
        : find.vector(name, apart ? headDim : all)
    constants.put(tensor, at + i * headDim, change)
  })
  return at
}

export function attentionScratch(tensors: AttentionTensors): ScratchWidths {
  const { heads, headDim, latent } = tensors
  return {
    projected: tensors.rowWidth,
    query: heads * headDim,
    attended: paddedColumns(heads * headDim),
    ...(latent ? lazyParts.latent.fetched.latentScratch(latent, heads) : {}),
  }
}

export function planAttention(
  context: PlanContext,
  tensors: AttentionTensors,
  buffers: LayerBuffers,
  rows: PartRows,
): void {
  const { plan, activations } = context
  const { constants } = buffers
  const { projected, attended, unfolded } = activations.scratch
  const { back, heads, headDim, gate, latent, rowWidth: width } = tensors
  const merged = planHeads(context, tensors, buffers, rows)
  if (gate) {
    const { constants: sigmoid, params } = activates({ kind: 'sigmoid' })
    plan.add(gated, {
      variant: {
        constants: { workgroup_size: context.variants.rowLanes, ...sigmoid },
        conditions: { in_place: true },
      },
      buffers: { x: projected, constants, y: attended },
      params: {
        width: heads * headDim,
        x_stride: width,
        x_offset: gate.first,
        part: headDim,
        part_stride: gate.stride,
        step: 1,
        y_stride: paddedColumns(heads * headDim),
        ...params,
      },
      shape: ({ tokens }) => ({ tokens, width: heads * headDim }),
    })
  }
  if (latent) {
    lazyParts.latent.fetched.planLatentValues(context, latent, heads)
    planOutput(context, back, constants, unfolded, rows, null, heads * latent.valueDim)
  } else planOutput(context, back, constants, attended, rows, merged)
}
