import { type ConfigReader, isObject, malformedConfig, unsupported } from '../config-reader'
import type { GatedNormDescription, MambaDescription } from '../recurrent-description'
import type { LayerTools } from './decoder'

/** The largest f32: no limit. */
const unlimited = 3.4028234e38

/** What the kernels have room for. */
const mostStateDim = 1024

/** Least and greatest Δ. transformers 5 writes infinity as an object, since JSON has none. */
function readTimeStepLimit(config: ConfigReader): readonly [number, number] {
  const limits = config.list('time_step_limit')
  if (limits === null) return [0, unlimited]
  const [least, most, ...rest] = limits.map((limit) => {
    if (isObject(limit) && limit.__float__ === 'Infinity') return unlimited
    return typeof limit === 'number' && limit >= 0 ? Math.min(limit, unlimited) : null
  })
  if (typeof least !== 'number' || typeof most !== 'number' || rest.length > 0 || least > most)
    throw config.wrong('time_step_limit', 'two numbers, the smaller one first')
  return [least, most]
}

/** A layer's Mamba 2, in the fields and by the names that Bamba, Granite and Falcon H1 share; `inner`: elements of x. */
export function readMamba(
  config: ConfigReader,
  { projection, stem }: LayerTools,
  inner: number,
  norm: Pick<GatedNormDescription, 'epsilon' | 'groups' | 'gateFirst'> | null,
  scales: MambaDescription['scales'],
): MambaDescription {
  const heads = config.count('mamba_n_heads')
  const named = config.json.mamba_d_head
  const headDim = named === 'auto' ? inner / heads : config.count('mamba_d_head')
  const stateDim = config.count('mamba_d_state')
  const groups = config.count('mamba_n_groups', 1)
  if (heads * headDim !== inner)
    throw malformedConfig(`mamba_n_heads ${heads} times mamba_d_head ${headDim} is not ${inner}.`)
  if (heads % groups !== 0)
    throw malformedConfig(`mamba_n_heads ${heads} is not a multiple of mamba_n_groups ${groups}.`)
  if (headDim % 4 !== 0 || stateDim % 4 !== 0 || stateDim > mostStateDim)
    throw unsupported(
      `Mamba’s heads are [${headDim}, ${stateDim}]; multiples of 4 and states up to ${mostStateDim} are supported.`,
    )
  const bias = config.flag('mamba_proj_bias', false)
  const rows = 2 * inner + 2 * groups * stateDim + heads
  return {
    kind: 'mamba',
    heads,
    headDim,
    stateDim,
    groups,
    input: projection('mamba.in_proj', rows, bias),
    scales,
    convolution: {
      stem: stem('mamba.conv1d'),
      taps: config.count('mamba_d_conv', 4),
      bias: config.flag('mamba_conv_bias', true),
    },
    aLog: stem('mamba.A_log'),
    dtBias: stem('mamba.dt_bias'),
    skip: stem('mamba.D'),
    dtLimit: readTimeStepLimit(config),
    norm: norm && { ...norm, weight: stem('mamba.norm.weight') },
    output: projection('mamba.out_proj', config.count('hidden_size'), bias),
  }
}
