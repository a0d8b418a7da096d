import { expect, it } from 'vitest'
import { decode } from '../../../bench/decode'
import { Engine } from '../../../src/engine/engine'
import type { EngineProfile } from '../../../src/util/profile'
import { countingGpu, objectsCreated } from '../../support/count-device'
import { plainGpu } from '../../support/limited-gpu'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'

const tiny = tinyModel({ layers: 2 })
// The least of a prompt that any device takes in one step.
const run = { promptTokens: 16, tokens: 6, vocab: 200 }

function callsByKernel({ phases }: EngineProfile): Map<string, number> {
  const calls = new Map<string, number>()
  for (const { kernel, calls: count } of phases.flatMap(({ kernels }) => kernels)) {
    calls.set(kernel, (calls.get(kernel) ?? 0) + count)
  }
  return calls
}

it('counts the dispatches that the device was asked for, the bytes that steps walked, and each its time', async () => {
  const counting = countingGpu(navigator.gpu)
  const { runner, destroy } = await loadModelBytes(tiny.file, { gpu: counting.gpu })
  let walked = 0
  const runSteps = runner.run.bind(runner)
  runner.run = (chunks) => {
    const results = runSteps(chunks)
    walked += runner.bytesWalked
    return results
  }
  const engine = new Engine(runner)
  await runner.profiler.start()
  counting.reset()
  await decode(engine, run)
  const profile = await runner.profiler.finish()
  const counted = new Map<string, number>()
  for (const kernel of counting.dispatched) counted.set(kernel, (counted.get(kernel) ?? 0) + 1)
  expect(callsByKernel(profile)).toEqual(counted)
  expect(counting.counts.passes).toBe(counting.counts.dispatches)
  const rows = profile.phases.flatMap(({ kernels }) => kernels)
  expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(walked)
  expect(profile.whyNoTimes).toBeNull()
  const [prefill, decoded] = profile.phases
  expect(profile.phases).toHaveLength(2)
  expect(prefill).toMatchObject({ phase: 'prefill', steps: 1, tokens: 16 })
  expect(decoded).toMatchObject({ phase: 'decode', steps: engine.stats().steps - 1 })
  for (const { wallMs, gpuMs, kernels } of profile.phases) {
    expect(gpuMs).toBeGreaterThan(0)
    expect(wallMs).toBeGreaterThan(0)
    const known = kernels.reduce((sum, { share }) => sum + (share ?? 0), 0)
    expect(known).toBeGreaterThan(0.5)
    expect(known).toBeLessThanOrEqual(1.001)
  }
  destroy()
})

it('changes no id, and a step after it makes no object', async () => {
  const counting = countingGpu(navigator.gpu)
  const { runner, destroy } = await loadModelBytes(tiny.file, { gpu: counting.gpu })
  const ids: number[][] = []
  const runSteps = runner.run.bind(runner)
  runner.run = async (chunks) => {
    const results = await runSteps(chunks)
    ids.at(-1)!.push(...results.map(({ sampledId }) => sampledId ?? -1))
    return results
  }
  const answer = () => {
    ids.push([])
    return decode(new Engine(runner), run)
  }
  await answer()
  await runner.profiler.start()
  await answer()
  await runner.profiler.finish()
  await runner.profiler.start()
  counting.reset()
  await answer()
  await runner.profiler.finish()
  expect(objectsCreated(counting.counts)).toBe(0)
  counting.reset()
  await answer()
  expect(objectsCreated(counting.counts)).toBe(0)
  expect(counting.counts.passes).toBe(counting.counts.submits)
  expect(ids[0]!.length).toBeGreaterThan(5)
  for (const others of ids.slice(1)) expect(others).toEqual(ids[0])
  destroy()
})

it('refuses a second profile, and gives one without steps', async () => {
  const { runner, destroy } = await loadModelBytes(tiny.file)
  await runner.profiler.start()
  await expect(runner.profiler.start()).rejects.toThrow(expect.objectContaining({ code: 'invalid-request' }))
  expect(await runner.profiler.finish()).toEqual({ whyNoTimes: null, clockNs: null, phases: [] })
  destroy()
})

it('says that a device without timestamp queries has no times, and gives those of steps', async () => {
  const counting = countingGpu(plainGpu(navigator.gpu))
  const { runner, info, destroy } = await loadModelBytes(tiny.file, { gpu: counting.gpu })
  expect(info.device.features).not.toContain('timestamp-query')
  await runner.profiler.start()
  counting.reset()
  await decode(new Engine(runner), run)
  const profile = await runner.profiler.finish()
  expect(profile.whyNoTimes).toContain('timestamp-query')
  expect(counting.counts.passes).toBe(counting.counts.submits)
  expect([...callsByKernel(profile).values()].reduce((sum, calls) => sum + calls, 0)).toBe(
    counting.counts.dispatches,
  )
  for (const { wallMs, gpuMs, kernels } of profile.phases) {
    expect(wallMs).toBeGreaterThan(0)
    expect(gpuMs).toBeNull()
    for (const { ms, share, gbPerSecond } of kernels)
      expect([ms, share, gbPerSecond]).toEqual([null, null, null])
  }
  destroy()
})
