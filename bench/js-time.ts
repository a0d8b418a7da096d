import { Engine } from '../src/engine/engine'
import { generate } from '../test/support/generate'
import { loadModelBytes } from '../test/support/load-model'
import { tinyModel } from '../test/support/tiny-model'
import { noOpGpu } from './no-op-gpu'

const layers = 30
const steps = 300

/**
 * Milliseconds of JavaScript in a decode step of a model of 30 layers, on a device that does nothing: the scheduler,
 * the batch, the recording of its dispatches and the reading of its result. The widths of a model change nothing here.
 */
export async function jsMsPerStep(): Promise<number> {
  const { runner, destroy } = await loadModelBytes(tinyModel({ layers, contextLength: 1024 }).file, {
    gpu: noOpGpu(),
    maxTokens: 1024,
  })
  const engine = new Engine(runner)
  const run = (maxTokens: number) => generate(engine, { promptIds: [5], maxTokens })
  await run(steps)
  const started = performance.now()
  await run(steps)
  const ms = performance.now() - started
  destroy()
  return ms / steps
}
