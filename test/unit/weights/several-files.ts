import { ggufFile } from './gguf-file'
import { onDisk } from './loading'

/** Files of a model as a repo has them, by path. */
export type RepoFiles = Readonly<Record<string, Uint8Array<ArrayBuffer>>>

function noise(bytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(bytes)
  let state = seed
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    made[i] = state >>> 24
  }
  return made
}

/** A safetensors file of F32 vectors with noise in them: name and number of weights, in the order of their data. */
export function safetensorsFile(
  tensors: Readonly<Record<string, number>>,
  seed = 1,
): Uint8Array<ArrayBuffer> {
  let at = 0
  const described = Object.entries(tensors).map(([name, weights]) => {
    const begin = at
    at += weights * 4
    return [name, { dtype: 'F32', shape: [weights], data_offsets: [begin, at] }]
  })
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(described)))
  const file = new Uint8Array(8 + header.length + at)
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true)
  file.set(header, 8)
  file.set(noise(at, seed), 8 + header.length)
  return file
}

export function jsonFile(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value))
}

interface SplitOptions {
  readonly seed?: number
  /** `split.count` and `split.no` of the parts, where they are not as they should be. */
  readonly said?: (number: number) => { readonly count?: number; readonly no?: number }
  readonly tensorCount?: number
  readonly parts?: readonly Tensors[]
}

/** Names and numbers of weights. */
type Tensors = Readonly<Record<string, number>>

const fourTensors: readonly Tensors[] = [{ a: 9000 }, { b: 12_000, c: 5001 }, { d: 3000 }]

/** A GGUF model in three parts, as llama.cpp's gguf-split writes it: the first has the metadata. */
export function splitGguf({
  seed = 1,
  said,
  tensorCount = 4,
  parts = fourTensors,
}: SplitOptions = {}): RepoFiles {
  const files = parts.map((tensors, no) => {
    const own = said?.(no)
    const metadata = {
      ...(no === 0 && { 'general.architecture': { text: 'llama' } }),
      'split.no': { u32: own?.no ?? no },
      'split.count': { u32: own?.count ?? parts.length },
      'split.tensors.count': { u32: tensorCount },
    }
    const path = `big-Q4_0-0000${no + 1}-of-0000${parts.length}.gguf`
    return [path, ggufFile({ metadata, tensors, seed: seed + no })] as const
  })
  return Object.fromEntries(files)
}

export const indexName = 'model.safetensors.index.json'

/** A safetensors model in three shards with its texts. */
export function shardedSafetensors(seed = 1): RepoFiles {
  const shards = fourTensors
  const name = (i: number) => `model-0000${i + 1}-of-0000${shards.length}.safetensors`
  const weight_map = Object.fromEntries(
    shards.flatMap((tensors, i) => Object.keys(tensors).map((tensor) => [tensor, name(i)])),
  )
  return {
    ...Object.fromEntries(shards.map((tensors, i) => [name(i), safetensorsFile(tensors, seed + i)])),
    [indexName]: jsonFile({ metadata: { total_size: 1 }, weight_map }),
    'config.json': jsonFile({ model_type: 'llama', max_position_embeddings: 64 }),
    'tokenizer.json': jsonFile({ version: '1.0', filler: 'x'.repeat(40_000) }),
    'tokenizer_config.json': jsonFile({ chat_template: 'in the config' }),
    'chat_template.jinja': new TextEncoder().encode('a template'),
    'README.md': new Uint8Array(9),
  }
}

/** The weights of a model end to end, in the order of their names. */
export function endToEnd(files: RepoFiles): Uint8Array<ArrayBuffer> {
  const weights = Object.keys(files)
    .filter((path) => /\.(gguf|safetensors)$/.test(path))
    .sort()
    .map((path) => files[path]!)
  const all = new Uint8Array(weights.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const bytes of weights) {
    all.set(bytes, at)
    at += bytes.length
  }
  return all
}

let written = 0

/** The same files on this machine's disk, for a local Hub. */
export function filesOnDisk(files: RepoFiles): Readonly<Record<string, string>> {
  written += 1
  const paths = Object.entries(files).map(([path, bytes]) => [
    path,
    onDisk(`${written}-${path.replaceAll('/', '-')}`, bytes),
  ])
  return Object.fromEntries(paths)
}

export function picked(files: RepoFiles, folder = ''): File[] {
  return Object.entries(files).map(([path, bytes]) => new File([bytes], folder + path))
}
