import { describe, expect, it } from 'vitest'
import { modelTask } from '../../../src/model/model-task'
import { readVectorSettings } from '../../../src/model/vector-settings'
import type { JsonObject, ModelHeader, RepoModule, RepoTexts } from '../../../src/util/model-file'

const classes = 'sentence_transformers.models.'
const transformer: RepoModule = { type: `${classes}Transformer`, path: '', config: null }
const pooling = (config: JsonObject | null): RepoModule => ({
  type: `${classes}Pooling`,
  path: '1_Pooling',
  config,
})
const mean = pooling({
  word_embedding_dimension: 8,
  pooling_mode_mean_tokens: true,
  pooling_mode_cls_token: false,
})
const dense = (config: JsonObject | null): RepoModule => ({
  type: `${classes}Dense`,
  path: '2_Dense',
  config,
})
const normalize: RepoModule = { type: `${classes}Normalize`, path: '3_Normalize', config: null }

interface Given {
  readonly config?: JsonObject
  readonly modules?: readonly RepoModule[]
  readonly settings?: JsonObject
  readonly prompts?: JsonObject
  readonly tokenizerConfig?: JsonObject
}

function repo({ config = {}, modules, settings, prompts, tokenizerConfig }: Given): ModelHeader {
  const texts: RepoTexts = {
    config,
    tokenizer: null,
    tokenizerConfig: tokenizerConfig ?? null,
    generationConfig: null,
    chatTemplate: null,
    sentenceTransformers: { modules: modules ?? null, settings: settings ?? null, config: prompts ?? null },
  }
  return { kind: 'safetensors', tensors: [], fileBytes: 0, texts }
}

function gguf(metadata: Readonly<Record<string, string | number>>): ModelHeader {
  return { kind: 'gguf', tensors: [], fileBytes: 0, metadata: new Map(Object.entries(metadata)) }
}

describe('how texts become vectors', () => {
  it('is the mean at length 1 where nobody says more', () => {
    const plain = { pooling: 'mean', normalized: true, dense: [], maxTokens: null, lowercases: false }
    expect(readVectorSettings(repo({}))).toMatchObject(plain)
    expect(readVectorSettings(gguf({ 'general.architecture': 'bert' }))).toMatchObject(plain)
  })

  it.each([
    ['pooling_mode_cls_token', 'cls'],
    ['pooling_mode_mean_tokens', 'mean'],
    ['pooling_mode_max_tokens', 'max'],
    ['pooling_mode_mean_sqrt_len_tokens', 'mean-sqrt'],
    ['pooling_mode_weightedmean_tokens', 'weighted-mean'],
    ['pooling_mode_lasttoken', 'last'],
  ])('follows %s', (field, expected) => {
    const modules = [transformer, pooling({ [field]: true, pooling_mode_other: false })]
    expect(readVectorSettings(repo({ modules }))).toMatchObject({ pooling: expected, normalized: false })
  })

  it('follows the newer spelling of a pooling', () => {
    const modules = [transformer, pooling({ pooling_mode: 'lasttoken' }), normalize]
    expect(readVectorSettings(repo({ modules }))).toMatchObject({ pooling: 'last', normalized: true })
  })

  it('follows the pooling of a GGUF file', () => {
    const settings = (type: number) =>
      readVectorSettings(gguf({ 'general.architecture': 'qwen3', 'qwen3.pooling_type': type }))
    expect(settings(2).pooling).toBe('cls')
    expect(settings(3).pooling).toBe('last')
    expect(() => settings(9)).toThrow(/qwen3\.pooling_type is 9/)
  })

  it('goes through dense layers', () => {
    const identity = 'torch.nn.modules.linear.Identity'
    const modules = [
      transformer,
      mean,
      dense({ in_features: 8, out_features: 32, bias: false, activation_function: identity }),
      { ...dense({ in_features: 32, out_features: 8 }), path: '3_Dense' },
      normalize,
    ]
    expect(readVectorSettings(repo({ modules })).dense).toEqual([
      { stem: '2_Dense/linear', inputs: 8, outputs: 32, bias: false, activation: 'none' },
      { stem: '3_Dense/linear', inputs: 32, outputs: 8, bias: true, activation: 'tanh' },
    ])
  })

  it('has the prompts and limits of the repo', () => {
    const settings = readVectorSettings(
      repo({
        modules: [transformer, mean],
        settings: { max_seq_length: 256, do_lower_case: true },
        prompts: { prompts: { query: 'query: ', document: null }, default_prompt_name: 'query' },
        tokenizerConfig: { model_max_length: 512 },
      }),
    )
    expect(settings).toMatchObject({ maxTokens: 256, lowercases: true, defaultPrompt: 'query' })
    expect([...settings.prompts]).toEqual([
      ['query', 'query: '],
      ['document', ''],
    ])
    const limit = (length: number) =>
      readVectorSettings(repo({ tokenizerConfig: { model_max_length: length } })).maxTokens
    expect(limit(512)).toBe(512)
    expect(limit(1e30)).toBeNull()
  })

  it.each<[string, Given, string]>([
    [
      'a module that is not built',
      { modules: [transformer, { ...mean, type: `${classes}LSTM` }] },
      'models.LSTM',
    ],
    ['no pooling', { modules: [transformer, normalize] }, 'Transformer Normalize'],
    ['an odd order', { modules: [transformer, normalize, mean] }, 'Transformer Normalize Pooling'],
    [
      'a pooling without config',
      { modules: [transformer, pooling(null)] },
      '1_Pooling/config.json is missing',
    ],
    ['a pooling of nothing', { modules: [transformer, pooling({})] }, 'asks for no pooling'],
    [
      'poolings that are joined',
      { modules: [transformer, pooling({ pooling_mode_cls_token: true, pooling_mode_max_tokens: true })] },
      'pooling_mode_cls_token, pooling_mode_max_tokens',
    ],
    [
      'a pooling by another name',
      { modules: [transformer, pooling({ pooling_mode: 'constructor' })] },
      'constructor',
    ],
    [
      'a pooling that is new',
      { modules: [transformer, pooling({ pooling_mode_toString: true })] },
      'toString',
    ],
    [
      'a pooling that is no flag',
      { modules: [transformer, pooling({ pooling_mode_cls_token: 1 })] },
      'true or false',
    ],
    [
      'a pooling without the prompt',
      { modules: [transformer, pooling({ pooling_mode_cls_token: true, include_prompt: false })] },
      'leaves prompts out',
    ],
    [
      'an activation',
      { modules: [transformer, mean, dense({ activation_function: 'torch.nn.GELU' })] },
      'GELU',
    ],
    ['a dense layer of nothing', { modules: [transformer, mean, dense({ in_features: 0 })] }, 'in_features'],
    ['a limit of half a token', { settings: { max_seq_length: 0.5 } }, 'max_seq_length'],
    ['prompts that are a list', { prompts: { prompts: [] } }, 'prompts in config_sentence_transformers.json'],
    ['a prompt that is a number', { prompts: { prompts: { query: 1 } } }, 'query in the prompts'],
    ['a default that is no prompt', { prompts: { default_prompt_name: 'query' } }, 'none of its prompts'],
  ])('is refused by name with %s', (_, given, message) => {
    expect(() => readVectorSettings(repo(given))).toThrow(message)
  })
})

describe('what a model does', () => {
  it.each<[string, ModelHeader, string]>([
    [
      'a chat model',
      repo({ config: { model_type: 'llama', architectures: ['LlamaForCausalLM'] } }),
      'generate',
    ],
    ['a model that says nothing', repo({ config: { model_type: 'llama' } }), 'generate'],
    ['a bare encoder', repo({ config: { model_type: 'bert', architectures: ['BertModel'] } }), 'embed'],
    [
      'a masked encoder',
      repo({ config: { model_type: 'mpnet', architectures: ['MPNetForMaskedLM'] } }),
      'embed',
    ],
    ['a bare decoder', repo({ config: { model_type: 'qwen3', architectures: ['Qwen3Model'] } }), 'embed'],
    [
      'a decoder with modules',
      repo({
        config: { model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'] },
        modules: [transformer, mean],
      }),
      'embed',
    ],
    [
      'a reranker',
      repo({ config: { model_type: 'bert', architectures: ['BertForSequenceClassification'] } }),
      'score',
    ],
    ['a GGUF decoder', gguf({ 'general.architecture': 'llama' }), 'generate'],
    ['a GGUF encoder', gguf({ 'general.architecture': 'nomic-bert' }), 'embed'],
    ['a pooled GGUF decoder', gguf({ 'general.architecture': 'qwen3', 'qwen3.pooling_type': 3 }), 'embed'],
    ['a GGUF reranker', gguf({ 'general.architecture': 'bert', 'bert.pooling_type': 4 }), 'score'],
  ])('is known of %s', (_, header, task) => {
    expect(modelTask(header)).toBe(task)
  })
})
