import type { Pooling } from '../kernels/pool'
import type { Metadata } from '../util/metadata'
import type { JsonObject, ModelHeader, RepoModule, RepoTexts } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { ConfigReader, isObject, malformedConfig, shown } from './config-reader'

/** How texts become vectors, as the files beside a model say it (sentence-transformers), or a GGUF file. */
export interface VectorSettings {
  readonly pooling: Pooling
  /** Vectors have length 1. */
  readonly normalized: boolean
  /** Matrices that a pooled vector goes through, in order. */
  readonly dense: readonly DenseSettings[]
  /** Tokens of one text, where they say fewer than the model has positions. */
  readonly maxTokens: number | null
  readonly lowercases: boolean
  /** What is put before a text, by its name: `query`, `document`. */
  readonly prompts: ReadonlyMap<string, string>
  /** Used where no other is asked for. */
  readonly defaultPrompt: string | null
}

export interface DenseSettings {
  /** Of its tensors: `2_Dense/linear`. */
  readonly stem: string
  readonly inputs: number
  readonly outputs: number
  readonly bias: boolean
  readonly activation: 'none' | 'tanh'
}

/** Of vectors that nobody says more of: the mean, at length 1. */
const plain: VectorSettings = {
  pooling: 'mean',
  normalized: true,
  dense: [],
  maxTokens: null,
  lowercases: false,
  prompts: new Map(),
  defaultPrompt: null,
}

/**
 * Reads how a model's texts become vectors.
 *
 * @throws OctavoError 'malformed-file'; 'unsupported-architecture' for a module or a pooling that is not built, by its name
 */
export function readVectorSettings(header: ModelHeader): VectorSettings {
  return header.kind === 'gguf' ? ofMetadata(header.metadata) : ofTexts(header.texts)
}

/**
 * What becomes of a score: as sentence-transformers' CrossEncoder has it, the sigmoid of a single label's, unless the repo
 * names another function.
 *
 * @throws OctavoError 'unsupported-architecture'
 */
export function readScoreActivation(header: ModelHeader): 'sigmoid' | 'identity' {
  if (header.kind === 'gguf') return 'sigmoid'
  const { config } = header.texts
  const own = isObject(config.sentence_transformers) ? config.sentence_transformers.activation_fn : undefined
  const named = own ?? config.sbert_ce_default_activation_function ?? null
  if (named === null) return 'sigmoid'
  const name = typeof named === 'string' ? named.split('.').at(-1) : null
  if (name === 'Sigmoid') return 'sigmoid'
  if (name === 'Identity') return 'identity'
  throw unsupported(`config.json has the score’s activation ${shown(named)}`)
}

/** llama.cpp's numbers of poolings; its server gives vectors of length 1. */
const ggufPoolings: readonly (Pooling | null)[] = [null, 'mean', 'cls', 'last']

function ofMetadata(metadata: Metadata): VectorSettings {
  const key = `${String(metadata.get('general.architecture'))}.pooling_type`
  const type = metadata.get(key)
  // 4: it scores, and its vectors are nobody’s business.
  if (type === undefined || type === 0 || type === 4) return plain
  const pooling = typeof type === 'number' ? ggufPoolings[type] : null
  if (!pooling) throw unsupported(`${key} is ${shown(type)}`)
  return { ...plain, pooling }
}

function ofTexts({ sentenceTransformers, tokenizerConfig }: RepoTexts): VectorSettings {
  const { modules, settings, config } = sentenceTransformers
  const longest = tokenizerConfig?.model_max_length
  const own = new ConfigReader(settings ?? {}, 'sentence_bert_config.json')
  const hasOwn = (settings?.max_seq_length ?? null) !== null
  // Where there is no limit, a tokenizer's is 10³⁰.
  const ofTokenizer =
    typeof longest === 'number' && longest >= 1 && longest < 1e9 ? Math.floor(longest) : null
  return {
    ...plain,
    ...(modules && ofModules(modules)),
    maxTokens: hasOwn ? own.count('max_seq_length') : ofTokenizer,
    lowercases: own.flag('do_lower_case', false),
    ...readPrompts(config ?? {}),
  }
}

function readPrompts(config: JsonObject): Pick<VectorSettings, 'prompts' | 'defaultPrompt'> {
  const where = 'config_sentence_transformers.json'
  const given = config.prompts ?? {}
  if (!isObject(given)) throw malformedConfig(`prompts in ${where} is not an object.`)
  const prompts = new Map<string, string>()
  for (const name of Object.keys(given)) {
    // One that is null stands for a text as it is.
    if (given[name] !== null) prompts.set(name, new ConfigReader(given, `the prompts of ${where}`).text(name))
    else prompts.set(name, '')
  }
  const chosen = config.default_prompt_name ?? null
  if (chosen === null) return { prompts, defaultPrompt: null }
  if (typeof chosen !== 'string' || !prompts.has(chosen)) {
    throw malformedConfig(
      `default_prompt_name in ${where} is ${shown(chosen)}, which is none of its prompts.`,
    )
  }
  return { prompts, defaultPrompt: chosen }
}

function ofModules(modules: readonly RepoModule[]): Pick<VectorSettings, 'pooling' | 'normalized' | 'dense'> {
  const named = modules
    .map((module) => ({ ...module, name: module.type.split('.').at(-1)! }))
    .filter(({ name }) => name !== 'Dropout')
  const unknown = named.find(({ name }) => !/^(Transformer|Pooling|Dense|Normalize)$/.test(name))
  if (unknown) throw unsupported(`modules.json has the module ${shown(unknown.type)}`)
  const order = named.map(({ name }) => name).join(' ')
  if (!/^Transformer Pooling( Dense)*( Normalize)?$/.test(order)) {
    throw unsupported(`modules.json has its modules in the order ${order}`)
  }
  return {
    pooling: readPooling(named[1]!),
    normalized: order.endsWith('Normalize'),
    dense: named.filter(({ name }) => name === 'Dense').map(readDense),
  }
}

const poolingFields: Readonly<Record<string, Pooling>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_mean_sqrt_len_tokens: 'mean-sqrt',
  pooling_mode_weightedmean_tokens: 'weighted-mean',
  pooling_mode_lasttoken: 'last',
}

const poolingNames: Readonly<Record<string, Pooling>> = {
  cls: 'cls',
  max: 'max',
  mean: 'mean',
  mean_sqrt_len_tokens: 'mean-sqrt',
  weightedmean: 'weighted-mean',
  lasttoken: 'last',
}

function readPooling({ path, config }: RepoModule): Pooling {
  const where = `${path}/config.json`
  if (!config) throw malformedConfig(`${where} is missing: it says how a text’s vectors become one.`)
  const read = new ConfigReader(config, where)
  if (!read.flag('include_prompt', true)) throw unsupported(`${where} leaves prompts out of the pooling`)
  if (config.pooling_mode !== undefined) {
    const name = read.text('pooling_mode')
    const pooling = Object.hasOwn(poolingNames, name) ? poolingNames[name] : undefined
    if (pooling === undefined) throw unsupported(`${where} has pooling_mode ${shown(name)}`)
    return pooling
  }
  const asked = Object.keys(config).filter((field) => /^pooling_mode_/.test(field) && read.flag(field))
  const [field] = asked
  if (field === undefined) throw malformedConfig(`${where} asks for no pooling.`)
  if (asked.length > 1) throw unsupported(`${where} joins several poolings: ${asked.join(', ')}`)
  const pooling = Object.hasOwn(poolingFields, field) ? poolingFields[field] : undefined
  if (pooling === undefined) throw unsupported(`${where} has ${field}`)
  return pooling
}

function readDense({ path, config }: RepoModule): DenseSettings {
  const where = `${path}/config.json`
  if (!config) throw malformedConfig(`${where} is missing: it says what the matrix there is.`)
  const read = new ConfigReader(config, where)
  const activation = read.text('activation_function', 'torch.nn.modules.activation.Tanh').split('.').at(-1)
  if (activation !== 'Identity' && activation !== 'Tanh') {
    throw unsupported(`${where} has the activation ${shown(activation)}`)
  }
  return {
    stem: `${path}/linear`,
    inputs: read.count('in_features'),
    outputs: read.count('out_features'),
    bias: read.flag('bias', true),
    activation: activation === 'Tanh' ? 'tanh' : 'none',
  }
}

/** `what` has no full stop. */
function unsupported(what: string): OctavoError {
  return new OctavoError(
    'unsupported-architecture',
    `${what}, which is not supported.`,
    'Choose another model.',
  )
}
