import { weightFormats } from '../kernels/formats'
import type { ModelHeader } from '../util/model-file'
import { attentionIn } from './attention-in'
import type { ModelDescription } from './description'
import { isQuantized } from './float-matrix'
import { lazyParts } from './lazy-parts'
import { modelTask } from './model-task'
import { familyIsAtHand, readDescription } from './read-description'

/**
 * Fetches what this model needs beside the worker's own file; `readDescription` and what follows it are then at hand.
 *
 * @throws OctavoError 'network'
 */
export async function fetchParts(header: ModelHeader): Promise<void> {
  await Promise.all([
    familyIsAtHand(header) ? null : lazyParts.families.fetch(),
    modelTask(header) === 'embed' ? lazyParts.vectorSettings.fetch() : null,
    isQuantized(header) ? lazyParts.quantized.fetch() : null,
    header.tensors.some(({ type }) => weightFormats.get(type)?.table) ? lazyParts.gridTables.fetch() : null,
  ])
  const description = described(header)
  if (description) await fetchPartsOf(description)
}

async function fetchPartsOf(description: ModelDescription): Promise<void> {
  const { layers, altUp, layerInputs, pooled } = description
  const mixers = layers.flatMap(({ mixer }) => mixer.parts)
  const feedForwards = layers.flatMap(({ feedForward }) => feedForward.parts)
  await Promise.all([
    mixers.some(({ kind }) => kind !== 'attention') ? lazyParts.recurrent.fetch() : null,
    feedForwards.some(({ kind }) => kind === 'experts') ? lazyParts.experts.fetch() : null,
    attentionIn(layers).some(({ latent }) => latent) ? lazyParts.latent.fetch() : null,
    altUp ? lazyParts.altUp.fetch() : null,
    layers.some(({ laurel }) => laurel) ? lazyParts.laurel.fetch() : null,
    layerInputs || layers.some(({ ownInput }) => ownInput) ? lazyParts.layerInputs.fetch() : null,
    pooled ? lazyParts.pooled.fetch() : null,
  ])
}

function described(header: ModelHeader): ModelDescription | null {
  try {
    return readDescription(header)
  } catch {
    // What is wrong is told where the description itself is wanted.
    return null
  }
}
