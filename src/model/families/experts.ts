import { type ConfigReader, malformedConfig, unsupported } from '../config-reader'
import type { DenseDescription, FeedForwardDescription } from '../description'
import type {
  ExpertGroups,
  ExpertMatrix,
  ExpertsDescription,
  RouterDescription,
} from '../experts-description'
import { readActivation } from './activations'
import type { LayerTools } from './decoder'

/** What a file calls the tensors of a layer's experts; a star stands for an expert's number. */
interface ExpertNames {
  readonly router: string
  /** The whole name. */
  readonly correction: string
  readonly gate: string
  readonly up: string
  /** Where gate and up are one tensor, of all experts. */
  readonly gateUp: string
  /** Without the star where all experts' are one tensor. */
  readonly down: string
}

const transformers: ExpertNames = {
  router: 'mlp.gate',
  correction: 'mlp.gate.e_score_correction_bias',
  gate: 'mlp.experts.*.gate_proj',
  up: 'mlp.experts.*.up_proj',
  gateUp: 'mlp.experts.gate_up_proj',
  down: 'mlp.experts.*.down_proj',
}

const gguf: ExpertNames = {
  router: 'ffn_gate_inp',
  correction: 'exp_probs_b.bias',
  gate: 'ffn_gate_exps',
  up: 'ffn_up_exps',
  gateUp: 'ffn_gate_up_exps',
  down: 'ffn_down_exps',
}

/** What sets a family's experts apart. */
interface ExpertTraits extends Partial<Omit<RouterDescription, 'projection' | 'correction'>> {
  /** In its safetensors repos, where they are not those of most. */
  readonly names?: Partial<ExpertNames>
  /** A bias counts in the choice. */
  readonly corrected?: boolean
  readonly routerBias?: boolean
}

/** What the routing kernel has room for. */
const mostExperts = 1024

/**
 * A layer's experts: gate and up of each expert, of all experts, or both in one tensor. What is not said: chosen by the
 * softmax of the router's logits, whose shares stay.
 *
 * @throws OctavoError 'malformed-file', 'unsupported-architecture'
 */
export function readExperts(
  config: ConfigReader,
  tools: LayerTools,
  traits: ExpertTraits = {},
): ExpertsDescription {
  const { scores = 'softmax', groups = null, renormalizeEps = null, scale = 1 } = traits
  const names = config.container === 'gguf' ? gguf : { ...transformers, ...traits.names }
  const hidden = config.count('hidden_size')
  const experts = config.count(expertsField(config))
  const topField = config.pick('num_experts_per_tok', 'experts_per_token', 'moe_k')
  const top = config.count(topField)
  if (experts > mostExperts)
    throw unsupported(`${experts} experts a layer; up to ${mostExperts} are supported.`)
  if (top > experts) throw malformedConfig(`${config.nameOf(topField)} is ${top}, of ${experts} experts.`)
  const intermediate = config.count(config.pick('moe_intermediate_size', 'intermediate_size'))
  const matrix = (name: string, rows: number): ExpertMatrix => ({ stem: tools.stem(name), rows })
  const fused = tools.has(names.gateUp)
  return {
    kind: 'experts',
    experts,
    top,
    intermediate,
    activation: readActivation(config),
    router: {
      projection: tools.projection(names.router, experts, traits.routerBias ?? false),
      scores,
      correction: traits.corrected ? tools.stem(names.correction) : null,
      groups,
      renormalizeEps,
      scale,
    },
    inputs: fused
      ? [matrix(names.gateUp, 2 * intermediate)]
      : [matrix(names.gate, intermediate), matrix(names.up, intermediate)],
    interleaved: false,
    down: matrix(fused ? names.down.replace('.*', '') : names.down, hidden),
    inputBias: null,
    downBias: null,
  }
}

/** The field that says how many experts a layer has. */
export function expertsField(config: ConfigReader): string {
  return config.pick('num_experts', 'num_local_experts', 'n_routed_experts', 'moe_num_experts')
}

/** Experts that every token goes through, as one wide part. */
export function sharedExperts(tools: LayerTools, intermediate: number, under: string): DenseDescription {
  return tools.dense({
    intermediate,
    gate: `${under}.gate_proj`,
    up: `${under}.up_proj`,
    down: `${under}.down_proj`,
  })
}

/**
 * As DeepSeek's models have it from V2 on (arXiv:2405.04434, arXiv:2412.19437) and GLM's from 4.5: the first layers are
 * dense, the others have experts, and some that are shared.
 *
 * @throws OctavoError 'malformed-file', 'unsupported-architecture'
 */
export function deepseekFeedForward(
  config: ConfigReader,
  tools: LayerTools,
  scores: RouterDescription['scores'],
): readonly FeedForwardDescription[] {
  const { i } = tools
  const isDense = i < config.index('first_k_dense_replace', 0) || i % config.count('moe_layer_freq', 1) !== 0
  if (isDense) return [tools.dense()]
  const renormalized = scores === 'sigmoid' && config.flag('norm_topk_prob', true)
  const routed = readExperts(config, tools, {
    scores,
    corrected: scores === 'sigmoid',
    groups: readGroups(config, scores),
    // transformers does not divide the shares of V2, whatever its config says.
    renormalizeEps: renormalized ? 1e-20 : null,
    scale: config.positive('routed_scaling_factor', 1),
  })
  const shared = config.index('n_shared_experts', 0) * config.count('moe_intermediate_size')
  return shared > 0 ? [routed, sharedExperts(tools, shared, 'mlp.shared_experts')] : [routed]
}

function readGroups(config: ConfigReader, scores: RouterDescription['scores']): ExpertGroups | null {
  const own = scores === 'sigmoid' ? 'noaux_tc' : 'greedy'
  const method = config.text('topk_method', own)
  const scoring = config.text('scoring_func', scores)
  const known = scores === 'sigmoid' ? [own] : [own, 'group_limited_greedy']
  if (!known.includes(method) || scoring !== scores)
    throw unsupported(
      `${config.where} chooses experts by ${method} of ${scoring}; ${known.join(' or ')} of ${scores} is supported.`,
    )
  if (method === 'greedy') return null
  const [count, top] = [config.count('n_group', 1), config.count('topk_group', 1)]
  const experts = config.count(expertsField(config))
  if (experts % count !== 0 || top > count)
    throw malformedConfig(
      `${config.where} chooses ${top} of ${count} groups of ${experts} experts, which cannot be.`,
    )
  return count === 1 ? null : { count, top, by: scores === 'sigmoid' ? 'best-two' : 'best' }
}

/** Names of layers that guess tokens ahead, which a repo has behind those of the model. */
export function layersAhead(config: ConfigReader): RegExp {
  const [layers, ahead] = [config.count('num_hidden_layers'), config.index('num_nextn_predict_layers', 0)]
  const numbers = Array.from({ length: Math.min(ahead, 16) }, (_, i) => layers + i)
  return new RegExp(`^model\\.layers\\.(${numbers.join('|') || 'none'})\\.`)
}
