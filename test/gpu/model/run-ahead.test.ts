import { expect, it } from 'vitest'
import { decode } from '../../../bench/decode'
import { Engine } from '../../../src/engine/engine'
import { loadModelBytes } from '../../support/load-model'
import { tinyModel } from '../../support/tiny-model'
import { replaceMethod, watchDevices, watchMethod } from '../../support/watch-device'

/**
 * A GPU that, once armed, gives no ids of a step to read before the step after it has been submitted: an engine that
 * waits for ids before it submits the next step never gets any.
 */
class HoldingGpu {
  readonly gpu: GPU
  #submits = 0
  /** Read-backs that were held until a later submit let them go. */
  released = 0
  #holdUntil = 0
  readonly #held: (() => void)[] = []

  constructor(gpu: GPU) {
    this.gpu = watchDevices(gpu, (device) => {
      watchMethod(device.queue, 'submit', () => {
        this.#submits += 1
        this.released += this.#held.length
        for (const release of this.#held.splice(0)) release()
      })
      watchMethod(device, 'createBuffer', (buffer) => this.#watch(buffer as GPUBuffer))
    })
  }

  /** Holds the read-backs of the steps that come now, all but the last of so many: it has none after it. */
  arm(steps: number): void {
    this.#holdUntil = this.#submits + steps
  }

  #watch(buffer: GPUBuffer): void {
    const map = replaceMethod(buffer, 'mapAsync', async (...range) => {
      if (this.#submits < this.#holdUntil) await new Promise<void>((release) => this.#held.push(release))
      await map(...range)
    })
  }
}

const steps = 12

it.each([
  { sequences: 1, logprobs: null },
  { sequences: 4, logprobs: null },
  { sequences: 4, logprobs: 3 },
])(
  'submits a step before the ids of the one before it are read: $sequences sequences, logprobs $logprobs',
  async ({ sequences, logprobs }) => {
    const holding = new HoldingGpu(navigator.gpu)
    const { runner, info, destroy } = await loadModelBytes(tinyModel().file, { gpu: holding.gpu })
    let tokens = 0
    const onToken = () => {
      tokens += 1
    }
    holding.arm(steps)
    await decode(new Engine(runner), { sequences, tokens: steps, vocab: info.vocab, logprobs, onToken })
    destroy()
    expect(tokens).toBe(sequences * steps)
    expect(holding.released).toBe(steps - 1)
  },
  60_000,
)
