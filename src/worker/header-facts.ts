import { modelTask } from '../model/model-task'
import { templateTexts } from '../text/template-source'
import type { JsonObject, ModelHeader } from '../util/model-file'
import { mainType } from '../weights/main-type'
import type { ModelInspection } from './inspection'

/** What a model's header says of it. Texts are the uploader's. */
export interface HeaderFacts {
  /** `llama`, `qwen2`, …; '' where it says none. */
  readonly architecture: string
  readonly name: string | null
  readonly licence: string | null
  /** Tokens that it was trained for. */
  readonly contextLength: number | null
  /** As its config names it (`GPTQ 4-bit`), or its largest tensors (`BF16`). */
  readonly quantization: string
  /** Numbers in its tensors, which are not its weights where several are packed into one. */
  readonly weights: number
  readonly features: ModelInspection['features']
}

export function headerFacts(header: ModelHeader): HeaderFacts {
  const facts = header.kind === 'gguf' ? factsOfMetadata(header) : factsOfConfig(header.texts.config)
  const { template, toolTemplate } = templateTexts(header)
  const { quantization, ...rest } = facts
  const task = modelTask(header)
  return {
    ...rest,
    quantization: quantization ?? mainType(header.tensors),
    weights: header.tensors.reduce((sum, { dims }) => sum + dims.reduce((all, n) => all * n, 1), 0),
    features: {
      chat: template !== null && task === 'generate',
      tools: toolTemplate !== null || /\btools\b/.test(template ?? ''),
      reasoning: /<\/?think>|enable_thinking|reasoning_content|\[THINK\]|:think>|\bthinking\b/.test(
        template ?? '',
      ),
      embeddings: task === 'embed',
      rerank: task === 'score',
    },
  }
}

type OwnFacts = Omit<HeaderFacts, 'features' | 'quantization' | 'weights'> & {
  readonly quantization: string | null
}

function factsOfMetadata({ metadata }: Extract<ModelHeader, { kind: 'gguf' }>): OwnFacts {
  const architecture = textOf(metadata.get('general.architecture')) ?? ''
  return {
    architecture,
    name: textOf(metadata.get('general.name')),
    licence: textOf(metadata.get('general.license')),
    contextLength: numberOf(metadata.get(`${architecture}.context_length`)),
    quantization: null,
  }
}

function factsOfConfig(config: JsonObject): OwnFacts {
  // A model that reads images too has its own numbers one level deeper.
  const inner = objectOf(config.text_config)
  return {
    architecture: textOf(config.model_type) ?? '',
    name: textOf(config._name_or_path) || null,
    licence: null,
    contextLength: numberOf(config.max_position_embeddings ?? inner?.max_position_embeddings),
    quantization: quantizationOf(config),
  }
}

/** Of quantized safetensors: by whose scheme, and in how many bits where the config says it in one place. */
function quantizationOf(config: JsonObject): string | null {
  const scheme = objectOf(config.quantization_config) ?? objectOf(config.quantization)
  if (!scheme) return null
  // MLX's says no method.
  const method = (textOf(scheme.quant_method) ?? 'mlx').slice(0, 40)
  const bits = numberOf(scheme.bits)
  return bits === null ? method.toUpperCase() : `${method.toUpperCase()} ${bits}-bit`
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

function objectOf(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
}
