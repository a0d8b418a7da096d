import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hubModelIn } from '../../../scripts/model.ts'
import { wholeFile } from '../../support/hub-faults.ts'
import { HubServer } from '../../support/hub-server.ts'

const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251))
const name = 'SmolLM2-135M-Instruct-Q8_0.gguf'

let folder: string
let hub: HubServer
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'octavo-cache-'))
  const source = join(folder, 'source')
  await writeFile(source, content)
  hub = await HubServer.start({
    repos: [{ repo: 'bartowski/SmolLM2-135M-Instruct-GGUF', files: { [name]: source } }],
  })
})
afterEach(async () => {
  await hub.close()
  await rm(folder, { recursive: true })
})

it('gets the default model from the Hub once', async () => {
  const { file } = await hubModelIn(folder, hub.endpoint)
  expect(content.equals(await readFile(file))).toBe(true)
  hub.log.length = 0
  expect((await hubModelIn(folder, hub.endpoint)).file).toBe(file)
  expect(hub.log).toEqual([])
})

it('goes on where an earlier download broke off', async () => {
  await writeFile(join(folder, `${name}.part`), content.subarray(0, 123_456))
  const { file } = await hubModelIn(folder, hub.endpoint)
  expect(content.equals(await readFile(file))).toBe(true)
  expect(hub.ranges.map(([first]) => first)).toEqual([123_456])
})

it('starts again where the server sends the whole file', async () => {
  await writeFile(join(folder, `${name}.part`), content.subarray(0, 123_456))
  hub.inject({ to: 'cdn' }, wholeFile, 9)
  expect(content.equals(await readFile((await hubModelIn(folder, hub.endpoint)).file))).toBe(true)
})

it('refuses and deletes a file that is not what the Hub says it is', async () => {
  const part = join(folder, `${name}.part`)
  await writeFile(part, Buffer.alloc(1000, 9))
  await expect(hubModelIn(folder, hub.endpoint)).rejects.toThrow(/SHA-256/)
  expect(existsSync(part)).toBe(false)
  expect(existsSync(join(folder, name))).toBe(false)
})

it('says within seconds that there is no way to the Hub', async () => {
  const startedAt = Date.now()
  await expect(hubModelIn(folder, 'http://127.0.0.1:9')).rejects.toThrow(/127\.0\.0\.1:9/)
  expect(Date.now() - startedAt).toBeLessThan(7000)
})
