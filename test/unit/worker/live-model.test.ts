import { describe, expect, it } from 'vitest'
import { OctavoError } from '../../../src/util/octavo-error'
import { LiveModel } from '../../../src/worker/live-model'

/** A model whose GPU goes when it is told to. */
class FakeModel {
  readonly lost: Promise<OctavoError>
  destroyed = 0
  #lose: (error: OctavoError) => void = () => {}

  constructor(readonly runner: string) {
    this.lost = new Promise((resolve) => {
      this.#lose = resolve
    })
  }

  lose(): void {
    this.#lose(new OctavoError('device-lost', 'The browser took the GPU away: it hung.', 'Load again.'))
  }

  destroy(): void {
    this.destroyed += 1
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve))
const failure = (code: OctavoError['code']) => () => new OctavoError(code, `No: ${code}.`, 'Do something.')

/** A live model; each load in turn gives what `loads` says, the last one for ever. Its clock passes where it waits. */
function setUp(...loads: ((loaded: number) => FakeModel | Error)[]) {
  const said: string[] = []
  const errors: OctavoError[] = []
  const clock = { at: 0, waits: [] as number[] }
  const models: FakeModel[] = []
  const first = new FakeModel('first')
  const live = new LiveModel<string, FakeModel>({
    model: first,
    running: {
      get ended() {
        return said.some((word) => word.startsWith('stop'))
      },
      pause: () => said.push('pause'),
      resume: (runner) => said.push(`resume ${runner}`),
      stop: (error) => {
        said.push(`stop ${error.code}`)
        errors.push(error)
      },
    },
    loadAgain: async () => {
      const next = loads[Math.min(said.filter((word) => word === 'load').length, loads.length - 1)]!
      said.push('load')
      clock.at += 100
      const model = next(models.length + 1)
      if (model instanceof Error) throw model
      models.push(model)
      return model
    },
    onFailed: () => said.push('failed'),
    clock: {
      now: () => clock.at,
      wait: async (ms) => {
        clock.waits.push(ms)
        clock.at += ms
      },
    },
  })
  return { live, first, models, said, errors, clock }
}

const works = (loaded: number) => new FakeModel(`model ${loaded}`)

describe('a model whose GPU is taken away', () => {
  it('is loaded again, and its requests go on there', async () => {
    const { live, first, models, said, clock } = setUp(works)
    first.lose()
    await settled()
    expect(said).toEqual(['pause', 'load', 'resume model 1'])
    expect(live.model).toBe(models[0])
    expect(first.destroyed).toBe(1)
    const loss = { reason: 'The browser took the GPU away: it hung.', recoveredAfterMs: 100 }
    expect(live.losses).toEqual([loss])
    clock.at += 100_000
    models[0]!.lose()
    await settled()
    expect(said.slice(3)).toEqual(['pause', 'load', 'resume model 2'])
    expect(live.losses).toEqual([loss, loss])
  })

  it('waits for a GPU that is not there at once', async () => {
    const { first, said, clock } = setUp(
      failure('no-adapter'),
      failure('device-lost'),
      () => new Error('?'),
      works,
    )
    first.lose()
    await settled()
    expect(said).toEqual(['pause', 'load', 'load', 'load', 'load', 'resume model 1'])
    expect(clock.waits).toEqual([0, 500, 2000, 8000])
  })

  it('ends its requests where none comes, with the reasons', async () => {
    const { live, first, said, errors } = setUp(failure('no-adapter'))
    first.lose()
    await settled()
    expect(said).toEqual(['pause', 'load', 'load', 'load', 'load', 'stop device-lost', 'failed'])
    expect(errors[0]!.message).toBe(
      'The browser took the GPU away: it hung. The model did not come back: No: no-adapter.',
    )
    expect(errors[0]!.remedy).toContain('Reload the page')
    expect(live.losses).toMatchObject([{ recoveredAfterMs: null }])
  })

  it('does not try again what no GPU can help', async () => {
    const { first, said, errors } = setUp(failure('network'))
    first.lose()
    await settled()
    expect(said).toEqual(['pause', 'load', 'stop device-lost', 'failed'])
    expect(errors[0]!.remedy).toBe('Do something.')
  })

  it('ends its requests where GPU after GPU goes as soon as they run', async () => {
    const { first, models, said, errors, clock } = setUp(works)
    clock.at += 100_000
    first.lose()
    await settled()
    for (let i = 0; i < 3; i++) {
      expect(said.at(-1)).toBe(`resume model ${i + 1}`)
      clock.at += 10_000
      models[i]!.lose()
      await settled()
    }
    expect(said.slice(-3)).toEqual(['pause', 'stop device-lost', 'failed'])
    expect(errors[0]!.message).toContain('3 times')
    expect(models[2]!.destroyed).toBe(1)
  })

  it('counts anew after a GPU that stayed', async () => {
    const { first, models, said, clock } = setUp(works)
    first.lose()
    await settled()
    for (let i = 0; i < 12; i++) {
      clock.at += i % 2 === 0 ? 1_000 : 60_000
      models[i]!.lose()
      await settled()
    }
    expect(said.at(-1)).toBe('resume model 13')
  })

  it('stays away where it is unloaded meanwhile, and lets the GPU go', async () => {
    const { live, first, models, said } = setUp((loaded) => {
      live.unload()
      return works(loaded)
    })
    first.lose()
    await settled()
    expect(said).toEqual(['pause', 'load', 'stop unloaded'])
    expect(models[0]!.destroyed).toBe(1)
    const ended = setUp(failure('aborted'))
    ended.first.lose()
    await settled()
    expect(ended.said).toEqual(['pause', 'load'])
  })

  it('does not come back for requests that have ended', async () => {
    const { live, first, said } = setUp(failure('network'), works)
    first.lose()
    await settled()
    expect(said.at(-1)).toBe('failed')
    expect(live.losses).toHaveLength(1)
    const before = [...said]
    const ended = setUp(works)
    ended.said.push('stop internal')
    ended.first.lose()
    await settled()
    expect(ended.said).toEqual(['stop internal'])
    expect(ended.first.destroyed).toBe(1)
    expect(said).toEqual(before)
  })

  it('does not come back where it is unloaded, which loses the GPU too', async () => {
    const { live, first, said } = setUp(works)
    live.unload()
    first.lose()
    await settled()
    expect(said).toEqual(['stop unloaded'])
    expect(first.destroyed).toBe(2)
  })
})
