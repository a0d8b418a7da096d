import type { KernelVariant } from '../gpu/kernel'
import type { Pipeline } from '../gpu/pipeline'
import { decodeHeads, prefillTile } from '../kernels/attention'
import type { Dispensable, TunableKind, TunablePoint, VariantKind, Variants } from './variants'

/** Kernels that are compiled at a point of the table, by their shader. Those that are not named here have one point each. */
const kinds: Readonly<Record<string, VariantKind>> = {
  matvec: 'matvec',
  matmul: 'matmul',
  int8_matvec: 'int8Matvec',
  int8_matmul: 'int8Matmul',
  attention_decode: 'attentionDecode',
  attention_prefill: 'attentionPrefill',
  norm: 'rowLanes',
  rope_kv: 'headLanes',
  sample: 'samplerLanes',
}

export function kindOf({ kernel }: Pipeline): VariantKind | null {
  return kinds[kernel.shader] ?? null
}

/** Whether a pipeline's kernel can be compiled at a point of its kind: those that read rows as f16 share no loads. */
export function hasPoint({ kernel }: Pipeline, { subgroups }: { readonly subgroups: boolean }): boolean {
  return !subgroups || (kernel.conditions ?? []).includes('subgroups')
}

/** As `atPoint`, where all of a point's numbers are wanted: to be timed for as many tokens as there are. */
export function wholeAtPoint(kind: TunableKind, point: TunablePoint, variant: KernelVariant): KernelVariant {
  const compiled = atPoint(kind, point as never, variant)
  if (!('tokens_per_lane' in point)) return compiled
  return { ...compiled, constants: { ...compiled.constants, tokens_per_lane: point.tokens_per_lane } }
}

/** What is left out where the pipeline errs, before another point of its kind is tried; null: nothing. */
export function dispensableOf({ kernel, variant: { conditions = {} } }: Pipeline): Dispensable | null {
  if (kernel.shader === 'project_heads') return 'fusedHeads'
  if (conditions.half_rows || kernel.shader === 'half_rows') return 'halfRows'
  if (conditions.rounds) return 'ownRoundings'
  if (conditions.packed_dot) return 'packedDot'
  const isRounding = kernel.shader === 'int8_rows'
  if (conditions.combines) return isRounding ? 'roundedSplits' : 'mergedSplits'
  if (conditions.normalizes) return isRounding ? 'roundedNorms' : 'ownNorms'
  return null
}

/** The variant as it is compiled at another point of its kind's table; of `matmul`, its form for up to four tokens as the same form. */
export function atPoint<Kind extends VariantKind>(
  kind: Kind,
  point: Variants[Kind],
  variant: KernelVariant,
): KernelVariant {
  if (typeof point === 'number')
    return { ...variant, constants: { ...variant.constants, workgroup_size: point } }
  const { subgroups } = point
  return {
    ...variant,
    constants: { ...variant.constants, ...constantsAt(kind, point, variant.constants) },
    conditions: { ...variant.conditions, subgroups },
  }
}

function constantsAt(
  kind: VariantKind,
  point: Exclude<Variants[VariantKind], number>,
  compiled: KernelVariant['constants'],
): Record<string, number> {
  const { subgroups: _, ...numbers } = point
  if (kind === 'attentionDecode' && 'most_heads' in point) {
    const { workgroup_size, most_heads } = point
    return { workgroup_size, most_heads: decodeHeads(most_heads, compiled.head_dim!, workgroup_size) }
  }
  if ('most_lanes' in point) {
    const { most_lanes } = point
    // The tile's lanes depend on the model's other layers, too; those of another point are its own.
    if (most_lanes === compiled.most_heads) return {}
    const { lanes } = prefillTile(compiled.heads! / compiled.kv_heads!, most_lanes)
    return { workgroup_size: lanes, most_heads: most_lanes }
  }
  // The form for up to four tokens is one at every point.
  return kind === 'matmul' && compiled.tokens_per_lane === 4
    ? { ...numbers, tokens_per_lane: 4 }
    : { ...numbers }
}

/** Whether a variant is compiled at that point. */
export function isAt<Kind extends VariantKind>(
  kind: Kind,
  point: Variants[Kind],
  variant: KernelVariant,
): boolean {
  return JSON.stringify(atPoint(kind, point, variant)) === JSON.stringify(variant)
}

/** All points of a kind that the variants use. */
export function pointsOf(variants: Variants, kind: VariantKind): Variants[VariantKind][] {
  const own = Object.entries(variants.tuned ?? {}).filter(([tactic]) => tactic.startsWith(`${kind} `))
  return [variants[kind], ...own.map(([, point]) => point)]
}

/** The variants with another point in the place of one. */
export function without(
  variants: Variants,
  kind: VariantKind,
  wrong: Variants[VariantKind],
  next: Variants[VariantKind],
): Variants {
  const isWrong = (point: Variants[VariantKind]) => JSON.stringify(point) === JSON.stringify(wrong)
  const { tuned = {}, ...own } = variants
  const left = Object.entries(tuned).filter(
    ([tactic, point]) => !(tactic.startsWith(`${kind} `) && isWrong(point)),
  )
  return {
    ...own,
    ...(isWrong(variants[kind]) ? { [kind]: next } : {}),
    ...(left.length > 0 ? { tuned: Object.fromEntries(left) } : {}),
  }
}
