import { describe, expect, it, vi } from 'vitest'
import { createEngine } from '../../../src/api/create-engine'
import { Engine } from '../../../src/api/engine'
import { OctavoError } from '../../../src/util/octavo-error'
import type { LoadProgress, LoadReport, RecoveryProgress } from '../../../src/worker/protocol'
import { connect, FakeService, failure, fakeEngine, request, settled } from './fake-service'

const never = () => new Promise<void>(() => {})

describe('loading', () => {
  it('gives the engine with its info', async () => {
    const { engine, service } = await fakeEngine()
    expect(service.loads).toEqual([request])
    expect(engine.info.model).toMatchObject({ reference: 'owner/model:Q4_1', architecture: 'llama' })
    expect(engine.info.kvCache).toMatchObject({ format: 'f16', blocks: 10, blockSize: 32 })
  })

  it('reports progress, first that it began and last that it is ready', async () => {
    const service = new FakeService()
    service.loading = async (report) => {
      report({ phase: 'fetching', loadedBytes: 50, totalBytes: 100, storedBytes: 20, recovering: false })
      await settled()
    }
    const seen: LoadProgress[] = []
    await Engine.load(connect(service).connection, request, { onProgress: (progress) => seen.push(progress) })
    await settled()
    expect(seen).toEqual([
      { phase: 'resolving', loadedBytes: 0, totalBytes: 0, storedBytes: 0 },
      { phase: 'fetching', loadedBytes: 50, totalBytes: 100, storedBytes: 20 },
      { phase: 'ready', loadedBytes: 100, totalBytes: 100, storedBytes: 20 },
    ])
  })

  it('reports apart that the model is loaded again, until it is unloaded', async () => {
    const service = new FakeService()
    let report: (report: LoadReport) => void = () => {}
    service.loading = async (given) => {
      report = given
    }
    const loads: LoadProgress[] = []
    const recoveries: RecoveryProgress[] = []
    const engine = await Engine.load(connect(service).connection, request, {
      onProgress: (progress) => loads.push(progress),
      onRecovery: (progress) => recoveries.push(progress),
    })
    const bytes = { loadedBytes: 5, totalBytes: 100, storedBytes: 5 }
    // One of the load that was overtaken by its end.
    report({ phase: 'warming-up', ...bytes, recovering: false })
    report({ phase: 'fetching', ...bytes, recovering: true })
    report({ phase: 'failed', ...bytes, recovering: true })
    await settled()
    expect(loads.map(({ phase }) => phase)).toEqual(['resolving', 'ready'])
    expect(recoveries).toEqual([
      { phase: 'fetching', ...bytes },
      { phase: 'failed', ...bytes },
    ])
    await engine.unload()
    report({ phase: 'ready', ...bytes, recovering: true })
    await settled()
    expect(recoveries).toHaveLength(2)
  })

  it('fails with the worker’s error whole, and releases the worker', async () => {
    const service = new FakeService()
    service.loading = async () => {
      throw new OctavoError('not-found', 'There is no owner/model.', 'Check the name.', {
        cause: new Error('404'),
      })
    }
    const { connection, hungUp } = connect(service)
    const error = await failure(Engine.load(connection, request, {}))
    expect(error).toMatchObject({ code: 'not-found', remedy: 'Check the name.', cause: { message: '404' } })
    await settled()
    expect(service.unloads).toBe(1)
    expect(hungUp()).toBe(true)
  })

  it('calls any other error internal, with the cause', async () => {
    const service = new FakeService()
    service.loading = async () => {
      throw new RangeError('offset out of bounds')
    }
    const error = await failure(Engine.load(connect(service).connection, request, {}))
    expect(error).toMatchObject({ code: 'internal', cause: { name: 'RangeError' } })
    expect(error.message).toContain('offset out of bounds')
  })

  it('stops at once when the signal aborts', async () => {
    const service = new FakeService()
    service.loading = never
    const { connection, hungUp } = connect(service)
    const reason = new Error('changed my mind')
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 20)
    const error = await failure(Engine.load(connection, request, { signal: controller.signal }))
    expect(error).toMatchObject({ code: 'aborted', cause: reason })
    await settled()
    expect(service.unloads).toBe(1)
    expect(hungUp()).toBe(true)
  })

  it('does not begin when the signal has aborted already', async () => {
    const gpu = { requestAdapter: vi.fn() } as unknown as GPU
    const error = await failure(createEngine({ model: 'owner/model', gpu, signal: AbortSignal.abort() }))
    expect(error.code).toBe('aborted')
    expect(gpu.requestAdapter).not.toHaveBeenCalled()
  })
})
