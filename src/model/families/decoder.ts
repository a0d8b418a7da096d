import { type ConfigReader, malformedConfig, unsupported } from '../config-reader'
import type {
  ActivationDescription,
  AttentionDescription,
  BiasRule,
  DenseDescription,
  FeedForwardDescription,
  HeadNormDescription,
  LayerDescription,
  LogitsDescription,
  NormDescription,
  Projection,
  SubLayer,
} from '../description'
import { type LayerType, type RopeTraits, readRope } from '../read-rope'
import type { RopeDescription } from '../rope'
import { readActivation } from './activations'
import type { HasTensor, ModelBody } from './family'
import { checkedHeadDim, checkHeadCounts, readHeadDim } from './heads'
import { type Names, namesOf } from './names'

/** What sets a family of decoders apart from llama. All may be left out. */
export interface DecoderTraits {
  /** Names in its safetensors repos, where they are not llama's. */
  readonly names?: Partial<Names>
  /** What names begin with in its safetensors repos; '' is tried too, for repos of a bare model. */
  readonly prefix?: string
  readonly norm?: Partial<Pick<NormDescription, 'kind' | 'bias' | 'plusOne'>>
  /** 'before' a part, 'after' it (on what it gives), or both. */
  readonly norms?: 'before' | 'after' | 'both'
  /** Both parts of a layer read its input: through one norm, or each through its own. */
  readonly parallel?: 'one norm' | 'own norms' | null
  readonly qkvBias?: BiasRule
  readonly outputBias?: BiasRule
  readonly feedForwardBias?: BiasRule
  readonly headNorm?: Pick<HeadNormDescription, 'over'> & Partial<HeadNormDescription>
  readonly rope?: Omit<RopeTraits, 'headDim' | 'layerType'>
  /** Whether layer i tells positions. */
  readonly rotates?: (i: number, type: LayerType) => boolean
  /** Whether layer i has the sliding window, where the config has no `layer_types`. */
  readonly slides?: (i: number) => boolean
  readonly gated?: boolean
  readonly activation?: ActivationDescription | ((tools: LayerTools) => ActivationDescription) | undefined
  /** Where the layers' differ, up to 512. */
  readonly headDim?: number | ((i: number, type: LayerType) => number)
  /** Where the layers' differ. */
  readonly kvHeads?: (i: number, type: LayerType) => number
  readonly intermediate?: (i: number) => number
  readonly scale?: number | undefined
  readonly softCap?: number | null
  readonly embeddingScale?: number
  /** Learned positions: rows of their matrix, and how far position 0 is from its first. */
  readonly positions?: { readonly rows: number; readonly offset: number }
  /** Matrices of layers are [columns, rows] in its safetensors repos. */
  readonly transposed?: boolean
  readonly residualScale?: number
  readonly logits?: Partial<LogitsDescription>
  /** What a layer does with each token by itself, where it is not `dense()` alone. */
  readonly feedForward?: (tools: LayerTools) => readonly FeedForwardDescription[]
  /** The last word on a layer's attention, and on a layer. */
  readonly attention?: (standard: AttentionDescription, tools: LayerTools) => AttentionDescription
  readonly layer?: (standard: LayerDescription, tools: LayerTools) => LayerDescription
}

/** What a family needs to describe a part of layer i by itself. */
export interface LayerTools {
  /** Of the layer. */
  readonly i: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly epsilon: number
  readonly names: Names
  /** The whole stem of a tensor of the layer. */
  readonly stem: (name: string) => string
  readonly norm: (name: string) => NormDescription
  readonly projection: (name: string, rows: number, bias?: BiasRule) => Projection
  /** Whether the file has the layer's tensor. */
  readonly has: (name: string) => boolean
  /** The family's feed-forward part, of other names or another width. */
  readonly dense: (own?: DenseTraits) => DenseDescription
  readonly type: LayerType
}

type DenseTraits = Partial<Pick<Names, 'gate' | 'up' | 'gateUp' | 'down'>> & {
  readonly intermediate?: number
}

/**
 * Which layers have a window by `sliding_window_pattern`: a number n (all but every n-th), letters that are repeated (L for
 * a window), or a list. `otherwise`: n where the config does not say.
 */
export function allButEvery(config: ConfigReader, otherwise: number): (i: number) => boolean {
  const field = config.pick('sliding_window_pattern', '_sliding_window_pattern')
  const pattern = config.json[field]
  if (typeof pattern === 'string' && pattern !== '') return (i) => pattern[i % pattern.length] === 'L'
  if (Array.isArray(pattern)) return (i) => pattern[i] === true
  const each = config.count(field, otherwise)
  return (i) => (i + 1) % each !== 0
}

/** Describes a decoder in the manner of llama, with what its family does otherwise. */
export function decoder(config: ConfigReader, has: HasTensor, traits: DecoderTraits = {}): ModelBody {
  const { norms = 'before', parallel = null, rotates = () => true, transposed = false } = traits
  const names = decoderNames(config, has, traits)
  const hidden = config.count('hidden_size')
  const heads = config.count('num_attention_heads')
  const kvHeads = config.count('num_key_value_heads', heads)
  const commonHeadDim =
    typeof traits.headDim === 'number' ? traits.headDim : readHeadDim(config, hidden, heads)
  const epsilon = config.positive(
    config.pick('rms_norm_eps', 'layer_norm_eps', 'layer_norm_epsilon', 'norm_eps', 'norm_epsilon'),
  )
  const { kind = 'rms', bias: normBias = false, plusOne: storedLessOne = false } = traits.norm ?? {}
  // GGUF files have the whole weight.
  const plusOne = storedLessOne && config.container === 'safetensors'
  const normAt = (stem: string): NormDescription => ({ kind, stem, epsilon, bias: normBias, plusOne })
  const ropes = new Map<string, RopeDescription>()
  const ropeOf = (type: LayerType, headDim: number) => {
    const key = `${type} ${headDim}`
    const known = ropes.get(key)
    if (known) return known
    const rope = readRope(config, {
      ...ropeDefaults(config, headDim),
      ...traits.rope,
      headDim,
      layerType: type,
    })
    ropes.set(key, rope)
    return rope
  }
  const types = layerTypes(config, traits, names)
  // Embedding models made of decoders say it so.
  const causal = config.flag('is_causal', true)
  if (!causal && !traits.attention && types.includes('sliding_attention')) {
    throw unsupported(
      `${config.where} has ${config.nameOf('is_causal')} false, and layers with a window: how far they see either way is not said.`,
    )
  }

  const attention = (i: number, tools: LayerTools): AttentionDescription => {
    const { heads, kvHeads, headDim } = tools
    const rows = { query: heads * headDim, key: kvHeads * headDim, value: kvHeads * headDim }
    const bias = traits.qkvBias ?? fromFile(config, 'attention_bias')
    const fused = has(tools.stem(names.qkv))
    const outputRule = traits.outputBias ?? fromFile(config, 'attention_bias')
    return {
      kind: 'attention',
      heads,
      kvHeads,
      headDim,
      projections: fused
        ? [tools.projection(names.qkv, rows.query + rows.key + rows.value, bias)]
        : [
            tools.projection(names.query, rows.query, bias),
            tools.projection(names.key, rows.key, bias),
            tools.projection(names.value, rows.value, bias),
          ],
      query: { first: 0, stride: headDim },
      key: { first: rows.query, stride: headDim },
      value: { first: rows.query + rows.key, stride: headDim },
      output: tools.projection(names.attentionOutput, hidden, outputRule),
      headNorm: traits.headNorm
        ? {
            kind: 'rms',
            epsilon,
            query: [tools.stem(names.queryNorm)],
            key: [tools.stem(names.keyNorm)],
            plusOne,
            afterRope: false,
            ...traits.headNorm,
          }
        : null,
      rope: rotates(i, tools.type) ? ropeOf(tools.type, headDim) : null,
      scale: traits.scale ?? 1 / Math.sqrt(headDim),
      window: tools.type === 'sliding_attention' ? config.count('sliding_window') : null,
      softCap: traits.softCap ?? null,
      gate: null,
      valueNorm: null,
      causal,
      sinks: null,
      positionBias: null,
      queryGrowth: null,
      sharesKvOf: null,
      latent: null,
    }
  }

  const dense = (tools: LayerTools, own: DenseTraits): DenseDescription => {
    const { gate, up, gateUp, down } = { ...names, ...own }
    const intermediate =
      own.intermediate ?? traits.intermediate?.(tools.i) ?? config.count('intermediate_size')
    const bias = traits.feedForwardBias ?? fromFile(config, 'mlp_bias')
    const gated = traits.gated ?? true
    const given = typeof traits.activation === 'function' ? traits.activation(tools) : traits.activation
    const activation = given ?? readActivation(config)
    const separate = tools.has(gate)
    const inputs = separate
      ? [tools.projection(gate, intermediate, bias), tools.projection(up, intermediate, bias)]
      : [tools.projection(gateUp, 2 * intermediate, bias)]
    return {
      kind: gated ? 'gated' : 'plain',
      activation,
      intermediate,
      inputs: gated ? inputs : [tools.projection(up, intermediate, bias)],
      down: tools.projection(down, hidden, bias),
    }
  }

  const layer = (i: number): LayerDescription => {
    const stem = (name: string) => `${names.layers}${i}.${name}`
    const type = types[i]!
    const ownKvHeads = traits.kvHeads?.(i, type) ?? kvHeads
    checkHeadCounts(config, heads, ownKvHeads)
    const tools: LayerTools = {
      i,
      heads,
      kvHeads: ownKvHeads,
      headDim:
        typeof traits.headDim === 'function' ? checkedHeadDim(traits.headDim(i, type), 512) : commonHeadDim,
      epsilon,
      names,
      stem,
      norm: (name) => normAt(stem(name)),
      projection: (name, rows, bias = false) => ({ stem: stem(name), rows, bias, transposed }),
      has: (name) => has(stem(name)),
      dense: (own = {}) => dense(tools, own),
      type,
    }
    const around = (before: string, after: string): Omit<SubLayer<never>, 'parts'> => ({
      norm: norms === 'after' ? null : tools.norm(before),
      outNorm: norms === 'before' ? null : tools.norm(after),
      streamNorm: null,
      scale: traits.residualScale ?? 1,
    })
    const attentionPart = attention(i, tools)
    const standard: LayerDescription = {
      mixer: {
        ...around(names.attentionNorm, names.attentionOutNorm),
        parts: [traits.attention?.(attentionPart, tools) ?? attentionPart],
      },
      feedForward: {
        ...around(names.feedForwardNorm, names.feedForwardOutNorm),
        parts: traits.feedForward?.(tools) ?? [tools.dense()],
        ...(parallel === 'one norm' ? { norm: null } : {}),
      },
      parallel: parallel !== null,
    }
    return traits.layer?.(standard, tools) ?? standard
  }

  return {
    hidden,
    contextLength: config.count('max_position_embeddings'),
    embedding: {
      stem: names.embedding,
      scale: traits.embeddingScale ?? 1,
      positions: traits.positions ? { ...traits.positions, stem: names.positions } : null,
      norm: null,
    },
    layers: types.map((_, i) => layer(i)),
    finalNorm: normAt(names.outputNorm),
    logits: { stem: names.output, bias: false, scale: 1, softCap: null, ...traits.logits },
  }
}

function decoderNames(
  config: ConfigReader,
  has: HasTensor,
  { names, prefix = 'model.' }: DecoderTraits,
): Names {
  const whole = namesOf(config.container, names, prefix)
  return has(whole.embedding) ? whole : (bareNames(config, has, names) ?? whole)
}

/** Where a repo has a model without its head, names lack the prefix. */
function bareNames(config: ConfigReader, has: HasTensor, own: Partial<Names> | undefined): Names | null {
  const bare = namesOf(config.container, own, '')
  return has(bare.embedding) ? bare : null
}

/** A GGUF file does not say whether matrices have biases: it has them or not. */
function fromFile(config: ConfigReader, field: string): BiasRule {
  return config.container === 'gguf' ? 'if there' : config.flag(field, false)
}

/** GGUF says how many elements turn, in llama's order only for llama. */
function ropeDefaults(config: ConfigReader, headDim: number): Pick<RopeTraits, 'partial'> {
  return config.has('rotary_dim') ? { partial: config.count('rotary_dim') / headDim } : {}
}

function layerTypes(config: ConfigReader, { slides = () => true }: DecoderTraits, names: Names): LayerType[] {
  const layers = config.count('num_hidden_layers')
  // Far above any model, far below what would be slow.
  if (layers > 1000) {
    throw malformedConfig(
      `${config.nameOf('num_hidden_layers')} is ${layers}: no model has a tensor '${names.layers}${layers - 1}.…'.`,
    )
  }
  const types = config.list('layer_types')
  if (types !== null && types.length !== layers) {
    throw malformedConfig(`layer_types in ${config.where} has ${types.length} entries for ${layers} layers.`)
  }
  const window = config.some('sliding_window')
  return Array.from({ length: layers }, (_, i): LayerType => {
    const sliding = types === null ? slides(i) : types[i] === 'sliding_attention'
    return window !== null && sliding ? 'sliding_attention' : 'full_attention'
  })
}
