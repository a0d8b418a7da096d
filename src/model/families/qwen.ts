import type { ConfigReader } from '../config-reader'
import { decoder } from './decoder'
import type { Family } from './family'

/** Configs have a window's size also where it is not used. */
export function slides(config: ConfigReader): (i: number) => boolean {
  if (!config.flag('use_sliding_window', false)) return () => false
  const from = config.index('max_window_layers', 0)
  return (i) => i >= from
}

/** Qwen 1.5, 2 and 2.5 (arXiv:2407.10671, arXiv:2412.15115): Q, K and V have biases. Those that see have the same text model. */
export const qwen2: Family = {
  modelTypes: ['qwen2', 'qwen2_vl', 'qwen2_vl_text', 'qwen2_5_vl', 'qwen2_5_vl_text'],
  gguf: ['qwen2'],
  describe: (config, has) =>
    decoder(config, has, { qkvBias: true, outputBias: false, slides: slides(config) }),
}

/** Qwen 3 (arXiv:2505.09388): the heads of Q and K are normalized. Qwen 3 VL's text model is one. */
export const qwen3: Family = {
  modelTypes: ['qwen3', 'qwen3_vl_text'],
  gguf: ['qwen3'],
  describe: (config, has) => decoder(config, has, { headNorm: { over: 'head' }, slides: slides(config) }),
}
