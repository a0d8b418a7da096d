import { expect } from 'vitest'

/**
 * Runs a case and says what came of it; a case that takes a second or 100 MB fails, and errors name it. One that seems
 * slow may have waited for the machine, so it is run twice more.
 */
export async function measured<T>(name: string, run: () => T | Promise<T>): Promise<T> {
  let least = Number.POSITIVE_INFINITY
  let outcome: T | undefined
  for (let tries = 0; tries < 3 && least >= 1000; tries++) {
    const before = process.memoryUsage()
    const start = performance.now()
    try {
      outcome = await run()
    } catch (error) {
      throw new Error(name, { cause: error })
    }
    const after = process.memoryUsage()
    least = Math.min(least, performance.now() - start)
    expect(after.heapUsed - before.heapUsed, name).toBeLessThan(100e6)
    expect(after.arrayBuffers - before.arrayBuffers, name).toBeLessThan(100e6)
  }
  expect(least, name).toBeLessThan(1000)
  return outcome as T
}
