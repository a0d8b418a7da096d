import { isRecord } from '../kept'

/** Which model the page loads, and from where. */
export interface ModelChoice {
  /** A reference as createEngine takes it, or files that the person picked, one at least. */
  readonly model: string | readonly File[]
  /** Base URL of the Hub; null for the public one. */
  readonly endpoint: string | null
  /** Size of the download, where it is known beforehand. */
  readonly bytes: number | null
  /** Where it is known beforehand. */
  readonly license: string | null
}

export const defaultModel: ModelChoice = {
  model: 'bartowski/SmolLM2-135M-Instruct-GGUF:Q8_0',
  endpoint: null,
  bytes: 145e6,
  license: 'Apache 2.0',
}

/** For devices on which the default model does not fit. */
const smallestModel: ModelChoice = {
  model: 'bartowski/SmolLM2-135M-Instruct-GGUF:Q4_0',
  endpoint: null,
  bytes: 92e6,
  license: 'Apache 2.0',
}

/** What to offer where this one is too large; null where it is the smallest that the page knows. */
export function smallerThan({ model }: ModelChoice): ModelChoice | null {
  if (model === smallestModel.model) return null
  return model === defaultModel.model ? smallestModel : defaultModel
}

/**
 * What the page was asked to load, most particular first: its address (`?model=`, `?endpoint=`), the person's own
 * choice in the settings, what its server offers (`octavo.json`), the default.
 *
 * @param offered the contents of `octavo.json`, null where there is none.
 * @param pageUrl what an endpoint relative to the page is resolved against.
 */
export function chooseModel(
  pageUrl: string,
  settings: { readonly model: string; readonly endpoint: string },
  offered: unknown,
): ModelChoice {
  const { searchParams } = new URL(pageUrl)
  const home = offeredModel(offered, pageUrl) ?? defaultModel
  const endpoint = absoluteUrl(searchParams.get('endpoint') ?? settings.endpoint, pageUrl)
  const model = searchParams.get('model')?.trim() || settings.model.trim()
  if (model !== '') return namedModel(model, endpoint, home)
  return endpoint === null ? home : { ...home, endpoint }
}

/** A model by its reference; what is known of it is kept. */
function namedModel(model: string, endpoint: string | null, home: ModelChoice): ModelChoice {
  const known = [home, defaultModel, smallestModel].find((each) => each.model === model)
  return known
    ? { ...known, endpoint: endpoint ?? known.endpoint }
    : { model, endpoint, bytes: null, license: null }
}

function offeredModel(offered: unknown, pageUrl: string): ModelChoice | null {
  if (!isRecord(offered) || typeof offered.model !== 'string' || typeof offered.endpoint !== 'string')
    return null
  return {
    model: offered.model,
    endpoint: absoluteUrl(offered.endpoint, pageUrl),
    bytes: typeof offered.bytes === 'number' ? offered.bytes : null,
    license: typeof offered.license === 'string' ? offered.license : null,
  }
}

function absoluteUrl(address: string, pageUrl: string): string | null {
  const text = address.trim()
  if (text === '') return null
  const base = new URL(pageUrl)
  return URL.canParse(text, base.href) ? new URL(text, base).href.replace(/\/+$/, '') : text
}

/** What to call the model before its file has been read: `SmolLM2 135M Instruct, Q8_0`. */
export function modelTitle({ model }: ModelChoice): string {
  if (typeof model !== 'string') return pickedTitle(model)
  if (/^https?:/.test(model)) return fileName(model) || model
  const [repo, tag] = model.split(':')
  const name = repo!
    .replace(/@.*$/, '')
    .replace(/^.*\//, '')
    .replace(/[-_.]gguf$/i, '')
    .replaceAll(/[-_]/g, ' ')
  return tag ? `${name}, ${tag.replace(/@.*$/, '')}` : name
}

/** Of a URL; empty where what somebody is typing is none. */
function fileName(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname.split('/').at(-1)!)
  } catch {
    return ''
  }
}

/** Of several files the folder that they lie in, or the one that has the weights. */
function pickedTitle(files: readonly File[]): string {
  const [first] = files
  const name = files.length === 1 ? first!.name : first!.webkitRelativePath || first!.name
  if (files.length > 1 && name.includes('/')) return name.split('/')[0]!
  const weights = files.find((file) => /\.(gguf|safetensors)$/i.test(file.name)) ?? first!
  return weights.name.split('/').at(-1)!
}

/** The name under which the page remembers that it has loaded a model here; null for picked files. */
export function choiceKey({ model, endpoint }: ModelChoice): string | null {
  return typeof model === 'string' ? `${endpoint ?? ''} ${model}` : null
}
