import type { GgufHeader, RepoTexts, SafetensorsHeader, TensorInfo } from '../util/model-file'
import { malformed } from './malformed'
import type { ShardIndex } from './model-files'

interface GgufPart {
  readonly name: string
  readonly header: GgufHeader
}

/**
 * One header of all parts of a GGUF model: the first part's metadata, and the tensors of all with their places where
 * the parts lie end to end.
 *
 * @throws OctavoError 'malformed-file' where they are not the parts, in their order, of one model
 */
export function joinGguf(parts: readonly GgufPart[]): GgufHeader {
  const [first] = parts as readonly [GgufPart]
  for (const [number, { name, header }] of parts.entries()) checkPart(name, header, number, parts.length)
  const tensors = layEndToEnd(
    parts.map(({ name, header }) => ({ name, bytes: header.fileBytes, tensors: header.tensors })),
  )
  const count = first.header.metadata.get('split.tensors.count')
  if (count !== undefined && count !== tensors.length) {
    throw malformed(
      `${first.name} says that there are ${count} tensors (split.tensors.count): the parts have ${tensors.length}.`,
    )
  }
  const fileBytes = parts.reduce((sum, { header }) => sum + header.fileBytes, 0)
  return { kind: 'gguf', metadata: first.header.metadata, tensors, fileBytes }
}

function checkPart(name: string, { metadata }: GgufHeader, number: number, count: number): void {
  const saidCount = metadata.get('split.count') ?? (count === 1 ? 1 : undefined)
  if (saidCount === undefined) {
    throw malformed(`${name} is called a part of a model, but has no split.count.`)
  }
  if (saidCount !== count) {
    const why = count === 1 ? 'by its name it is whole' : `by its name there are ${count}`
    throw malformed(
      `${name} is one of ${saidCount} parts by its split.count: ${why}. Parts are called …-00001-of-0000N.gguf.`,
    )
  }
  const saidNumber = metadata.get('split.no') ?? (count === 1 ? 0 : undefined)
  if (saidNumber !== number) {
    throw malformed(`${name} is part ${number} by its name, and ${saidNumber} by its split.no.`)
  }
}

interface Shard {
  readonly name: string
  readonly bytes: number
  readonly tensors: readonly TensorInfo[]
}

/**
 * One header of all safetensors files of a model.
 *
 * @throws OctavoError 'malformed-file' where the index and the files do not agree
 */
export function joinSafetensors(
  shards: readonly Shard[],
  index: ShardIndex | null,
  texts: RepoTexts,
): SafetensorsHeader {
  const tensors = layEndToEnd(shards)
  if (index) checkPlaces(index, shards)
  return { kind: 'safetensors', tensors, fileBytes: shards.reduce((sum, { bytes }) => sum + bytes, 0), texts }
}

function layEndToEnd(files: readonly Shard[]): readonly TensorInfo[] {
  const seen = new Map<string, string>()
  const all: TensorInfo[] = []
  let begin = 0
  for (const { name: file, bytes, tensors } of files) {
    for (const tensor of tensors) {
      const other = seen.get(tensor.name)
      if (other !== undefined)
        throw malformed(`The tensor '${tensor.name}' is in ${file} and in ${other} too.`)
      seen.set(tensor.name, file)
      all.push({ ...tensor, offset: begin + tensor.offset })
    }
    begin += bytes
  }
  return all
}

function checkPlaces({ path, places }: ShardIndex, shards: readonly Shard[]): void {
  const shardOf = new Map<string, string>()
  for (const { name, tensors } of shards) {
    for (const tensor of tensors) shardOf.set(tensor.name, name.split('/').at(-1)!)
  }
  for (const [tensor, file] of places) {
    if (shardOf.get(tensor) !== file) {
      throw malformed(`The tensor '${tensor}' is not in ${file}, where ${path} says it is.`)
    }
  }
}
