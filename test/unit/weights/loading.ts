import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { ChunkStore } from '../../../src/weights/chunk-store'
import { openModel } from '../../../src/weights/open-model'
import { browserPlatform, type Platform } from '../../../src/weights/platform'
import type { ByteProgress, OpenedModel } from '../../../src/weights/types'
import type { HubServer } from '../../support/hub-server'
import { ggufFile } from './gguf-file'

export const chunkBytes = 16 * 1024
/** A model of 17 chunks, the last one short; its header ends in the third. */
export const modelBytes = makeModel(1)
export const chunkCount = Math.ceil(modelBytes.length / chunkBytes)

export function makeModel(seed: number): Uint8Array<ArrayBuffer> {
  return ggufFile({
    metadata: {
      'general.architecture': { text: 'llama' },
      'tokenizer.ggml.tokens': { texts: Array.from({ length: 2500 }, (_, i) => `token${i}`) },
    },
    tensors: { a: 25_000, b: 10_000, c: 19_444 },
    seed,
  })
}

const folder = mkdtempSync(join(tmpdir(), 'octavo-weights-'))

/** A file on this machine with these bytes. */
export function onDisk(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** Small chunks, no waiting. */
export const quickPlatform: Platform = {
  ...browserPlatform,
  chunkBytes,
  parallel: 4,
  mostHeld: 5,
  stallMs: 2000,
  space: null,
  wait: () => Promise.resolve(),
}

export interface LoadOptions {
  readonly endpoint?: string
  readonly token?: string | null
  readonly signal?: AbortSignal
  readonly platform?: Partial<Platform>
}

export interface Loaded {
  readonly model: OpenedModel
  /** What the sink got; bytes that never came are 0. */
  readonly bytes: Uint8Array
  /** How often each byte came, where it was not once. */
  readonly notOnce: number
  readonly progress: readonly ByteProgress[]
}

export function open(
  reference: string | File | readonly File[],
  options: LoadOptions = {},
): Promise<OpenedModel> {
  const { endpoint = 'https://hub.invalid', token = null, signal = new AbortController().signal } = options
  const platform = { ...quickPlatform, ...options.platform }
  return openModel(reference instanceof File ? [reference] : reference, {
    hub: { endpoint, token },
    signal,
    platform,
  })
}

/** Opens a model and streams all of it into memory. */
export async function load(
  reference: string | File | readonly File[],
  options: LoadOptions = {},
): Promise<Loaded> {
  const model = await open(reference, options)
  return { model, ...(await receive(model, options.signal)) }
}

export async function receive(
  model: OpenedModel,
  signal = new AbortController().signal,
): Promise<Omit<Loaded, 'model'>> {
  const bytes = new Uint8Array(model.header.fileBytes)
  const times = new Uint8Array(bytes.length)
  const progress: ByteProgress[] = []
  const sink = {
    async write(offset: number, piece: Uint8Array) {
      // As the GPU's sink does, it looks at the bytes only later.
      await new Promise((resolve) => setTimeout(resolve))
      bytes.set(piece, offset)
      for (let i = 0; i < piece.length; i++) times[offset + i]! += 1
    },
  }
  await model.stream(sink, { signal, onProgress: (each) => progress.push(each) })
  return { bytes, notOnce: times.filter((count) => count !== 1).length, progress }
}

/** Whether the sink got exactly these bytes; `toEqual` takes seconds for a megabyte. */
export function isWhole(
  { bytes, notOnce }: Pick<Loaded, 'bytes' | 'notOnce'>,
  expected = modelBytes,
): boolean {
  return notOnce === 0 && Buffer.compare(bytes, expected) === 0
}

/** Another load fetches the chunks that are not stored, at least one and not all, and no other. */
export async function expectResume(server: HubServer, repo: string): Promise<void> {
  server.heal()
  const store = (await ChunkStore.open())!
  const { files } = (await store.manifest(`${server.endpoint}/${repo}@main:`))!
  const name = files[0]!.file
  const commits = await store.commits(name, chunkCount)
  const missing = commits.flatMap((commit, index) => (commit === undefined ? [index] : []))
  expect(missing.length).toBeGreaterThan(0)
  expect(missing.length).toBeLessThan(chunkCount)
  server.log.length = 0
  expect(isWhole(await load(repo, server))).toBe(true)
  expect([...new Set(server.ranges.map(([first]) => Math.floor(first / chunkBytes)))]).toEqual(missing)
}
