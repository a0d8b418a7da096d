import type { Activation } from '../kernels/activation'
import type { Pooling } from '../kernels/pool'
import type { ExpertsDescription } from './experts-description'
import type { RecurrentDescription } from './recurrent-description'
import type { RopeDescription } from './rope'
import type {
  AltUpDescription,
  AltUpLayerDescription,
  LaurelDescription,
  LayerInputDescription,
  LayerInputsDescription,
} from './stream-description'

/**
 * What a model is, as data: all that the forward pass follows. Families (`families/`) make it from a repo's config.json
 * or a GGUF file's metadata; nothing behind it asks for a family's name.
 */
export interface ModelDescription {
  readonly architecture: string
  readonly name: string
  readonly hidden: number
  /** Tokens that the model was trained for. */
  readonly contextLength: number
  readonly embedding: EmbeddingDescription
  /** What each layer gets of the token's id by itself. */
  readonly layerInputs?: LayerInputsDescription | null
  /** Several streams; each layer says then how it predicts and corrects them. */
  readonly altUp?: AltUpDescription | null
  readonly layers: readonly LayerDescription[]
  /** Of the stream after the last layer. */
  readonly finalNorm: NormDescription | null
  /** null: it writes nothing. */
  readonly logits: LogitsDescription | null
  /** What a whole text becomes, of a model that reads texts; null: it writes. */
  readonly pooled: PooledDescription | null
  /** Names of tensors that have no part in what the model does here; all others must be used. */
  readonly beside: RegExp | null
}

export interface EmbeddingDescription {
  /** Of the matrix [vocabulary, hidden]; the tensor's name without `.weight`, as all stems. */
  readonly stem: string
  /** What a row is multiplied by. */
  readonly scale: number
  /** A matrix [positions, hidden] whose row `position + offset` is added. */
  readonly positions: { readonly stem: string; readonly rows: number; readonly offset: number } | null
  /** A matrix [types, hidden] whose row of the token's type is added. */
  readonly types?: { readonly stem: string; readonly rows: number } | null
  /** Of the sum, before the first layer. */
  readonly norm: NormDescription | null
}

/** A sequence's rows become one, which goes through layers of its own. */
export interface PooledDescription {
  readonly pooling: Pooling
  readonly layers: readonly PooledLayerDescription[]
  /** What comes of it has length 1. */
  readonly normalized: boolean
}

/** norm(activation(W · x + b)) */
export interface PooledLayerDescription {
  readonly projection: Projection
  readonly activation: Activation
  readonly norm: NormDescription | null
}

export interface LogitsDescription {
  /** Of the matrix [vocabulary, hidden]; where the file has no such tensor, the embedding is it. */
  readonly stem: string
  readonly bias: BiasRule
  readonly scale: number
  /** cap · tanh(logit / cap); null: none. */
  readonly softCap: number | null
}

export interface LayerDescription {
  readonly mixer: SubLayer<MixerDescription>
  readonly feedForward: SubLayer<FeedForwardDescription>
  /** Both parts read the layer's input, and both are added to it. */
  readonly parallel: boolean
  readonly altUp?: AltUpLayerDescription | null
  readonly laurel?: LaurelDescription | null
  /** Of what `layerInputs` has for the layer. */
  readonly ownInput?: LayerInputDescription | null
  /** A tensor of one value that the stream is multiplied by at the layer's end. */
  readonly streamScale?: string | null
}

/** What mixes tokens. At most one part of a layer is attention, and at most one keeps a state. */
export type MixerDescription = AttentionDescription | RecurrentDescription

/** A half of a layer: x ← streamNorm(x + scale · outNorm(Σ parts(norm(x)))). A norm that is null is not there. */
export interface SubLayer<Part> {
  readonly parts: readonly Part[]
  /** What each part's rows are multiplied by, where they differ. */
  readonly partScales?: readonly number[]
  /** In a parallel layer the feed-forward part may have none: it reads what the mixer reads. */
  readonly norm: NormDescription | null
  readonly outNorm: NormDescription | null
  readonly streamNorm: NormDescription | null
  readonly scale: number
}

export interface NormDescription {
  /** 'layer': LayerNorm (Ba et al. 2016, arXiv:1607.06450); 'rms': Zhang & Sennrich 2019, arXiv:1910.07467 */
  readonly kind: 'rms' | 'layer'
  readonly stem: string
  readonly epsilon: number
  readonly bias: BiasRule
  /** The file has the weight less one. */
  readonly plusOne: boolean
}

/** Whether a matrix has a bias: the config says so, or the file does by its tensors. */
export type BiasRule = boolean | 'if there'

/** Rows of a matrix product that are one tensor. */
export interface Projection {
  readonly stem: string
  readonly rows: number
  readonly bias: BiasRule
  /** The file has [columns, rows], as GPT-2's repos do. */
  readonly transposed?: boolean
}

/** Where the heads of Q, K or V lie in a token's projected row, in elements. */
export interface HeadLayout {
  readonly first: number
  readonly stride: number
}

/** Normalization of Q and K before RoPE, or after it. */
export interface HeadNormDescription {
  readonly kind: 'rms' | 'layer'
  readonly epsilon: number
  /** Tensors of the weights, without `.weight`. */
  readonly query: readonly string[]
  readonly key: readonly string[]
  /**
   * 'head': each head by itself, all with one weight [head dim]; 'heads': each by itself, with a weight of its own
   * [heads, head dim], in one tensor or one each; 'all': all heads of Q, or K, as one row, weight [heads · head dim].
   */
  readonly over: 'head' | 'heads' | 'all'
  readonly plusOne: boolean
  readonly afterRope: boolean
}

export interface AttentionDescription {
  readonly kind: 'attention'
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** Together the rows of the product that gives Q, K and V (and gates). */
  readonly projections: readonly Projection[]
  readonly query: HeadLayout
  readonly key: HeadLayout
  readonly value: HeadLayout
  /** Values that what a head gives is multiplied by, through a sigmoid; null: none. */
  readonly gate: HeadLayout | null
  readonly output: Projection
  readonly headNorm: HeadNormDescription | null
  /** V is divided by its root mean square, with this epsilon; null: it is not. */
  readonly valueNorm: number | null
  /** null: positions are not told (NoPE). */
  readonly rope: RopeDescription | null
  /** What scores are multiplied by. */
  readonly scale: number
  /** A token sees none that come after it. */
  readonly causal: boolean
  /** Keys that a query sees, its own among them, or, where attention is not causal, on either side of it; null: all. */
  readonly window: number | null
  /** cap · tanh(score / cap); null: none. */
  readonly softCap: number | null
  /** A tensor [heads]: a score of each head's that joins the softmax and has no value (gpt-oss). */
  readonly sinks: string | null
  /** A tensor [32, heads]: what is added to scores by the distance's bucket (T5, Raffel et al. 2019, arXiv:1910.10683). */
  readonly positionBias: string | null
  /** Queries grow by 1 + beta · ln(1 + ⌊position / original⌋), as Llama 4's; null: they do not. */
  readonly queryGrowth: { readonly beta: number; readonly original: number } | null
  /** The layer reads the K and V of that layer and has none of its own; null: it has. */
  readonly sharesKvOf: number | null
  /** The cache has one vector a token, of which all heads' K and V are made; null: it has K and V. */
  readonly latent: LatentDescription | null
}

/**
 * Multi-head latent attention (DeepSeek-AI 2024, arXiv:2405.04434). What `up` makes K and V with is applied to queries and
 * to what attention gives instead: heads of Q are [latent | rotated], as the one key of a token is, `headDim` elements. Neither heads nor values have norms, gates or scales by position.
 */
export interface LatentDescription {
  /** Elements of the vector, which is also the value. */
  readonly dim: number
  /** Of the vector, not of the rotated rest of the key. */
  readonly norm: NormDescription
  /** Elements of a head's key and value as the vector gives them, [heads · (keyDim + valueDim), dim] in one tensor. */
  readonly keyDim: number
  readonly valueDim: number
  readonly up: string
  /** Queries, [heads, keyDim + rotated], come of a vector as well, first in the projected row; null: they are projected. */
  readonly query: {
    readonly dim: number
    readonly norm: NormDescription
    readonly projection: Projection
  } | null
}

/** Those with numbers of their own have them in the file, or in the config. */
export type ActivationDescription =
  | Exclude<Activation, { readonly kind: 'xielu' }>
  | {
      readonly kind: 'xielu'
      readonly positive: string
      readonly negative: string
      readonly beta: string
      readonly epsilon: string
    }

/** What a layer does with each token by itself. */
export type FeedForwardDescription = DenseDescription | ExpertsDescription

export interface DenseDescription {
  readonly kind: 'gated' | 'plain'
  readonly activation: ActivationDescription
  readonly intermediate: number
  /**
   * Gated: what is so many standard deviations above the mean of a row's gates is taken from each of them before the activation, and
   * what is left below 0 is 0; null: the gates are as they are.
   */
  readonly cutoff?: number | null
  /** Gated: gate and up, as two tensors or as one; plain: up alone. */
  readonly inputs: readonly Projection[]
  readonly down: Projection
  /** Of one row [1, hidden], whose sigmoid what comes of it is multiplied by (Qwen's shared expert). */
  readonly share?: Projection
}
