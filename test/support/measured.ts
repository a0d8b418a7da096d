import { expect } from 'vitest'

/** Runs a case and says what came of it; a case that takes a second or 100 MB fails, and errors name it. */
export async function measured<T>(name: string, run: () => T | Promise<T>): Promise<T> {
  const before = process.memoryUsage()
  const start = performance.now()
  let outcome: T
  try {
    outcome = await run()
  } catch (error) {
    throw new Error(name, { cause: error })
  }
  const after = process.memoryUsage()
  expect(performance.now() - start, name).toBeLessThan(1000)
  expect(after.heapUsed - before.heapUsed, name).toBeLessThan(100e6)
  expect(after.arrayBuffers - before.arrayBuffers, name).toBeLessThan(100e6)
  return outcome
}
