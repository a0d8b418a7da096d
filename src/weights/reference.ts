import { OctavoError } from '../util/octavo-error'

/** What a model reference asks for. */
export type ModelReference =
  | {
      readonly kind: 'hub'
      /** `owner/name` */
      readonly repo: string
      /** Branch, tag or commit. */
      readonly revision: string
      /** Quantization (`Q4_K_M`), `safetensors`, or path of a file; null for the default. */
      readonly tag: string | null
    }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'files'; readonly files: readonly File[] }

const repoPart = '[\\w.-]+'
const hubPattern = new RegExp(`^(${repoPart}/${repoPart})(?:@([^:@]+))?(?::([^:@]+))?(?:@([^:@]+))?$`)
/** A file of a Hub repo, as the site's own pages and downloads name it. */
const hubUrlPattern = new RegExp(`^/(${repoPart}/${repoPart})/(?:resolve|blob|raw)/([^/]+)/(.+)$`)
const hubHosts = ['huggingface.co', 'www.huggingface.co', 'hf.co']

/**
 * Reads `owner/name`, `owner/name:QUANT`, `owner/name@revision` (or both, in either order), a URL, or files.
 * The URL of a file in a Hub's repo, at `endpoint` or the Hub itself, is read as that repo and file.
 *
 * @throws OctavoError 'invalid-option'
 */
export function parseReference(reference: string | readonly File[], endpoint?: string): ModelReference {
  if (typeof reference !== 'string') return { kind: 'files', files: reference }
  const text = reference.trim()
  if (/^https?:\/\//i.test(text)) return parseUrl(text, endpoint)
  const match = hubPattern.exec(text)
  if (!match || (match[2] !== undefined && match[4] !== undefined)) throw invalid(reference)
  return { kind: 'hub', repo: match[1]!, revision: match[2] ?? match[4] ?? 'main', tag: match[3] ?? null }
}

function parseUrl(text: string, endpoint: string | undefined): ModelReference {
  if (!URL.canParse(text)) throw invalid(text)
  const url = new URL(text)
  const hub = hubUrlPattern.exec(pathOnHub(url, endpoint) ?? '')
  if (!hub) return { kind: 'url', url: url.href }
  const [, repo, revision, path] = hub
  try {
    return {
      kind: 'hub',
      repo: repo!,
      revision: decodeURIComponent(revision!),
      tag: decodeURIComponent(path!),
    }
  } catch {
    // A % that begins no character.
    throw invalid(text)
  }
}

/** The path below a Hub's address; null where the URL is not of a Hub. */
function pathOnHub(url: URL, endpoint: string | undefined): string | null {
  if (endpoint !== undefined && url.href.startsWith(`${endpoint}/`)) {
    return url.pathname.slice(new URL(endpoint).pathname.replace(/\/$/, '').length)
  }
  return hubHosts.includes(url.hostname) ? url.pathname : null
}

function invalid(reference: string): OctavoError {
  return new OctavoError(
    'invalid-option',
    `'${reference}' is not a model reference.`,
    'Give owner/name, owner/name:QUANT, owner/name@revision, the URL of a .gguf or .safetensors file, or files.',
  )
}
