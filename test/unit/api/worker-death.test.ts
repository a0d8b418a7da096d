import { expose } from 'comlink'
import { describe, expect, it } from 'vitest'
import { connectWorker } from '../../../src/api/connect'
import { Engine } from '../../../src/api/engine'
import type { Service } from '../../../src/worker/protocol'
import { all, endless, FakeService, failure, request, settled } from './fake-service'

const messages = [{ role: 'user' as const, content: 'Hi' }]

/** Web Locks as far as the connection uses them: whoever asks waits until the holder is gone. */
class FakeLocks {
  readonly #waiting = new Map<string, () => void>()
  readonly held = new Set<string>()

  async request(name: string, { signal }: { signal: AbortSignal }, granted: () => void): Promise<void> {
    if (!this.held.has(name)) return granted()
    await new Promise<void>((resolve, reject) => {
      this.#waiting.set(name, resolve)
      signal.addEventListener('abort', () => reject(signal.reason))
    })
    granted()
  }

  releaseAll(): void {
    this.held.clear()
    for (const resolve of this.#waiting.values()) resolve()
  }
}

/** A worker whose life is in the test's hands. */
class FakeWorker extends EventTarget {
  readonly #port: MessagePort
  terminated = false

  constructor(service: Service) {
    super()
    const { port1, port2 } = new MessageChannel()
    expose(service, port2)
    this.#port = port1
    port1.onmessage = ({ data }) => this.dispatchEvent(new MessageEvent('message', { data }))
  }

  postMessage(message: unknown, transfer: Transferable[] = []): void {
    if (!this.terminated) this.#port.postMessage(message, transfer)
  }

  terminate(): void {
    this.terminated = true
    this.#port.close()
  }
}

function setUp() {
  const service = new FakeService()
  service.script = endless
  const locks = new FakeLocks()
  service.holdLock = async (name: string) => {
    locks.held.add(name)
    return true
  }
  const worker = new FakeWorker(service)
  const connecting = connectWorker(() => worker as unknown as Worker, locks as unknown as LockManager)
  return { service, locks, worker, connecting }
}

describe('a worker that dies', () => {
  it('rejects every pending call and every later one when the browser ends it', async () => {
    const { locks, worker, connecting } = setUp()
    const engine = await Engine.load(await connecting, request, {})
    const stream = await engine.chat.completions.create({ messages, stream: true })
    const pending = [
      failure(engine.chat.completions.create({ messages })),
      failure(engine.completions.create({ prompt: 'x' })),
      failure(all(stream)),
    ]
    await settled()
    locks.releaseAll()
    for (const error of await Promise.all(pending)) expect(error.code).toBe('worker-died')
    expect((await failure(engine.stats())).code).toBe('worker-died')
    expect(worker.terminated).toBe(true)
    await engine.unload()
  })

  it('rejects a load that is under way', async () => {
    const { service, locks, connecting } = setUp()
    service.loading = () => new Promise(() => {})
    const loading = failure(Engine.load(await connecting, request, {}))
    await settled()
    locks.releaseAll()
    expect((await loading).code).toBe('worker-died')
  })

  it.each(['error', 'messageerror'])('is known by its %s event', async (type) => {
    const { worker, connecting } = setUp()
    const engine = await Engine.load(await connecting, request, {})
    const pending = failure(engine.chat.completions.create({ messages }))
    worker.dispatchEvent(new Event(type))
    expect((await pending).code).toBe('worker-died')
    expect(worker.terminated).toBe(true)
  })

  it('rejects the connection where its script cannot be loaded', async () => {
    const { service, worker, connecting } = setUp()
    service.holdLock = () => new Promise(() => {})
    worker.dispatchEvent(new Event('error'))
    expect(await failure(connecting)).toMatchObject({
      code: 'worker-died',
      message: expect.stringContaining('could not be loaded'),
    })
  })

  it('rejects the connection where it cannot be started at all', async () => {
    const refused = new DOMException('blocked', 'SecurityError')
    const spawn = () => {
      throw refused
    }
    expect(await failure(connectWorker(spawn, undefined))).toMatchObject({
      code: 'worker-died',
      cause: refused,
    })
  })

  it('is not what unloading looks like', async () => {
    const { locks, worker, connecting } = setUp()
    const engine = await Engine.load(await connecting, request, {})
    await engine.unload()
    locks.releaseAll()
    await settled()
    expect(worker.terminated).toBe(true)
    expect((await failure(engine.stats())).code).toBe('unloaded')
  })
})

it('a worker without locks works all the same', async () => {
  const { service, connecting } = setUp()
  service.holdLock = async () => false
  await expect(Engine.load(await connecting, request, {})).resolves.toBeInstanceOf(Engine)
})
