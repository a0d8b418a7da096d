import type { AttentionDescription } from './description'

/** Elements of a head's value, as the cache has it. */
export function valueDimOf({ headDim, latent }: Pick<AttentionDescription, 'headDim'> & HasLatent): number {
  return latent?.dim ?? headDim
}

interface HasLatent {
  readonly latent: { readonly dim: number } | null
}

/** The attention among the mixers of some layers. */
export function attentionIn<Part extends { readonly kind: string }>(
  layers: readonly { readonly mixer: { readonly parts: readonly Part[] } }[],
): Extract<Part, { readonly kind: 'attention' }>[] {
  return layers
    .flatMap(({ mixer }) => mixer.parts)
    .filter((part): part is Extract<Part, { readonly kind: 'attention' }> => part.kind === 'attention')
}
