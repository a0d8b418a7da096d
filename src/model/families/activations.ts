import { type ConfigReader, shown, unsupported } from '../config-reader'
import type { ActivationDescription } from '../description'

const activations: Readonly<Record<string, ActivationDescription['kind'] & PlainKind>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  quick_gelu: 'quick-gelu',
  relu: 'relu',
  relu2: 'relu-squared',
}

type PlainKind = Exclude<ActivationDescription['kind'], 'xielu' | 'clamped-swiglu' | 'scaled-silu'>

/** The activation that the config names; `fallback` where it names none, as GGUF files do not. */
export function readActivation(config: ConfigReader, fallback: PlainKind = 'silu'): ActivationDescription {
  const field = config.pick('hidden_activation', 'hidden_act', 'activation_function', 'activation')
  if (!config.has(field)) return { kind: fallback }
  const kind = activations[config.text(field)]
  if (kind === undefined) {
    const known = Object.keys(activations).join(', ')
    throw unsupported(`${config.where} has ${field} ${shown(config.json[field])}; ${known} are supported.`)
  }
  return { kind }
}
