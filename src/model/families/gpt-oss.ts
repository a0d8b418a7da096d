import { decoder } from './decoder'
import { readExperts } from './experts'
import type { Family } from './family'

/** gpt-oss (OpenAI 2025, arXiv:2508.10925): windows in every other layer, sinks, experts whose gate and up take turns. */
export const gptOss: Family = {
  modelTypes: ['gpt_oss'],
  gguf: [],
  describe: (config, has) => {
    const hidden = config.count('hidden_size')
    const activation = {
      kind: 'clamped-swiglu',
      alpha: config.positive('swiglu_alpha', 1.702),
      limit: config.positive('swiglu_limit', 7),
    } as const
    return decoder(config, has, {
      slides: (i) => i % 2 === 0,
      rope: { base: 150000 },
      attention: (standard, { stem }) => ({ ...standard, sinks: stem('self_attn.sinks') }),
      feedForward: (tools) => {
        const experts = readExperts(config, tools, {
          names: { router: 'mlp.router' },
          routerBias: true,
          renormalizeEps: 0,
        })
        const [inputs, down] = [tools.stem('mlp.experts.gate_up_proj'), tools.stem('mlp.experts.down_proj')]
        return [
          {
            ...experts,
            activation,
            inputs: [{ stem: inputs, rows: 2 * experts.intermediate, transposed: true }],
            interleaved: true,
            down: { stem: down, rows: hidden, transposed: true },
            inputBias: `${inputs}_bias`,
            downBias: `${down}_bias`,
          },
        ]
      },
    })
  },
}
