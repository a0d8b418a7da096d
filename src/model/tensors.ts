import type { FloatWeights } from '../util/float-weights'
import type { ModelHeader } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { attentionIn } from './attention-in'
import { Constants } from './constants'
import type {
  FeedForwardDescription,
  LayerDescription,
  MixerDescription,
  ModelDescription,
  SubLayer,
} from './description'
import { floatWeightsOf, isQuantized } from './float-matrix'
import { lazyParts } from './lazy-parts'
import type { MatrixSource } from './matrix-source'
import type { AltUpLayerTensors, AltUpTensors } from './parts/alt-up'
import { type FeedForwardTensors, findFeedForward } from './parts/feed-forward'
import type { LaurelTensors } from './parts/laurel'
import type { LayerInputsTensors, LayerInputTensors } from './parts/layer-inputs'
import { findMixer, type MixerTensors } from './parts/mixer'
import type { PooledTensors } from './parts/pooled'
import { type NormTensors, TensorFinder } from './tensor-finder'

/** The tensors of a half of a layer, each part's beside what it is. */
export interface SubLayerTensors<Part>
  extends Omit<SubLayer<never>, 'parts' | 'norm' | 'outNorm' | 'streamNorm'> {
  readonly parts: readonly Part[]
  readonly norm: NormTensors | null
  readonly outNorm: NormTensors | null
  readonly streamNorm: NormTensors | null
}

export interface LayerTensors {
  readonly mixer: SubLayerTensors<MixerTensors>
  readonly feedForward: SubLayerTensors<FeedForwardTensors>
  readonly parallel: boolean
  /** How it predicts and corrects the streams, where there are several. */
  readonly altUp: AltUpLayerTensors | null
  readonly laurel: LaurelTensors | null
  /** What it does with its input of its own. */
  readonly ownInput: LayerInputTensors | null
  /** Where `constants` have what the stream is multiplied by. */
  readonly streamScaleAt: number | null
  /** Norms, biases and other small tensors. */
  readonly constants: Constants
}

export interface ModelTensors {
  readonly embedding: MatrixSource
  /** f32 [positions, hidden] that are added to the embedding's rows. */
  readonly positions: MatrixSource | null
  /** f32 [types, hidden], likewise. */
  readonly types: MatrixSource | null
  readonly embeddingNorm: NormTensors | null
  readonly layerInputs: LayerInputsTensors | null
  readonly altUp: AltUpTensors | null
  readonly layers: readonly LayerTensors[]
  readonly finalNorm: NormTensors | null
  /** The embedding itself where the file has no output matrix. */
  readonly output: MatrixSource
  /** Where the logits' biases begin in `constants`. */
  readonly outputBias: number | null
  /** What a sequence becomes, of a model that reads whole texts. */
  readonly pooled: PooledTensors | null
  /** What belongs to no layer. */
  readonly constants: Constants
  /** Divisors of RoPE's frequencies, by the tensor's stem: where they begin in `constants`, and how many there are. */
  readonly ropeDivisors: ReadonlyMap<string, { readonly at: number; readonly count: number }>
  /** All matrices, each once. */
  readonly matrices: readonly MatrixSource[]
  readonly vocab: number
}

/**
 * Finds every tensor that the description names, with the shape it must have. A tensor that the forward pass would
 * leave out is refused: a model that runs without its biases answers nonsense. `floatWeights`: what is done with the
 * floats of a safetensors model; null: what suits the repo.
 *
 * @throws OctavoError 'malformed-file', 'unsupported-tensor-type', 'unsupported-architecture'
 */
export function findTensors(
  header: ModelHeader,
  description: ModelDescription,
  floatWeights: FloatWeights | null,
): ModelTensors {
  const quantization = isQuantized(header)
    ? lazyParts.quantized.fetched.readQuantization(header.texts.config)
    : null
  const find = new TensorFinder(header, floatWeightsOf(header, floatWeights), quantization)
  const { hidden, layers, embedding, layerInputs, altUp, logits, pooled } = description
  if (layers.length > header.tensors.length) {
    throw new OctavoError(
      'malformed-file',
      `The file says it has ${layers.length} layers, but holds ${header.tensors.length} tensors.`,
      'Download the file again.',
    )
  }
  const constants = new Constants('constants of the model, f32')
  const place = { find, constants, hidden, name: 'model' }
  const vocab = find.any(`${embedding.stem}.weight`).dims[1] ?? 0
  const matrix = find.matrix('embedding', [{ stem: embedding.stem, rows: vocab }], hidden, 'vocabulary')[0]!
  const found: Omit<ModelTensors, 'matrices'> = {
    vocab,
    embedding: matrix,
    positions: embedding.positions
      ? find.matrix('positions', [embedding.positions], hidden, 'exact')[0]!
      : null,
    types: embedding.types ? find.matrix('token types', [embedding.types], hidden, 'exact')[0]! : null,
    embeddingNorm: find.norm(embedding.norm, hidden, constants),
    layerInputs: layerInputs
      ? lazyParts.layerInputs.fetched.findLayerInputs(place, layerInputs, layers.length)
      : null,
    altUp: altUp ? lazyParts.altUp.fetched.findAltUp(place, altUp) : null,
    layers: layers.map((layer, i) => findLayer(find, description, layer, i)),
    finalNorm: find.norm(description.finalNorm, hidden, constants),
    output:
      logits && find.begins(logits.stem)
        ? find.matrix('output', [{ stem: logits.stem, rows: vocab }], hidden, 'vocabulary')[0]!
        : matrix,
    outputBias: logits && find.biases([{ stem: logits.stem, rows: vocab, bias: logits.bias }], constants),
    pooled: pooled && lazyParts.pooled.fetched.findPooled(find, pooled, hidden, constants),
    ropeDivisors: findDivisors(find, description, constants),
    constants,
  }
  find.refuseUnused(description.architecture, description.beside)
  return { ...found, matrices: find.matrices }
}

function findLayer(
  find: TensorFinder,
  { hidden, layers, altUp }: ModelDescription,
  layer: LayerDescription,
  i: number,
): LayerTensors {
  const constants = new Constants(`constants of layer ${i}, f32`)
  const half = <Part, Tensors>(
    { norm, outNorm, streamNorm, scale, parts, partScales }: SubLayer<Part>,
    findPart: (part: Part) => Tensors,
  ): SubLayerTensors<Tensors> => ({
    norm: find.norm(norm, hidden, constants),
    parts: parts.map(findPart),
    outNorm: find.norm(outNorm, hidden, constants),
    streamNorm: find.norm(streamNorm, hidden, constants),
    scale,
    ...(partScales ? { partScales } : {}),
  })
  const place = { find, constants, hidden, name: `layer ${i}` }
  const { laurel, ownInput, streamScale } = layer
  return {
    mixer: half(layer.mixer, (part: MixerDescription) => findMixer(place, part)),
    feedForward: half(layer.feedForward, (part: FeedForwardDescription) => findFeedForward(place, part)),
    parallel: layer.parallel,
    altUp: altUp && layer.altUp ? lazyParts.altUp.fetched.findAltUpLayer(place, altUp, layer.altUp) : null,
    laurel: laurel ? lazyParts.laurel.fetched.findLaurel(place, laurel) : null,
    ownInput: ownInput
      ? lazyParts.layerInputs.fetched.findLayerInput(place, ownInput, i, layers.length)
      : null,
    streamScaleAt: streamScale ? constants.add(find.scalar(streamScale), 1) : null,
    constants,
  }
}

function findDivisors(
  find: TensorFinder,
  { layers }: ModelDescription,
  constants: Constants,
): ModelTensors['ropeDivisors'] {
  const found = new Map<string, { at: number; count: number }>()
  for (const { rope } of attentionIn(layers)) {
    const stem = rope?.divisors ?? null
    if (stem === null || found.has(stem) || !find.has(`${stem}.weight`)) continue
    const count = rope!.dim / 2
    found.set(stem, { at: constants.add(find.vector(`${stem}.weight`, count), count), count })
  }
  return found
}
