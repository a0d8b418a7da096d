import { expect, it } from 'vitest'
import type { RunningPeer } from '../../../bench/peers/peer.ts'
import { measureInTurn, type RoundsPlan } from '../../../bench/peers/rounds.ts'

const plan: RoundsPlan = { rounds: 2, starts: 2, prefills: [16, 40], decode: 8, startPrompt: 4, vocab: 1000 }

/** A peer that writes down what it is asked; it gives a token every `tokenMs`, the first one after 10. */
function fakePeer(
  name: string,
  asked: string[],
  tokenMs: number,
  part: Partial<RunningPeer> = {},
): RunningPeer {
  let start = 0
  return {
    start: async () => {
      start += 1
      asked.push(`${name} starts`)
      return 100 * start
    },
    generate: async (prompt, tokens) => {
      asked.push(`${name} ${prompt.length}+${tokens}`)
      const later = tokens - 1
      return { promptTokens: prompt.length, firstMs: 10, lastMs: 10 + later * tokenMs, laterTokens: later }
    },
    memory: async () => ({ heapBytes: 1, processBytes: 2, gpuProcessBytes: 3, gpuBytes: null }),
    close: async () => {
      asked.push(`${name} closes`)
    },
    ...part,
  }
}

function measure(peers: Readonly<Record<string, () => RunningPeer>>) {
  const opens = Object.entries(peers).map(([name, open]) => [name, async () => open()] as const)
  return measureInTurn(new Map(opens), plan, () => {})
}

it('asks peers in turn, begins each round with another one, and warms up with short answers', async () => {
  const asked: string[] = []
  await measure({ a: () => fakePeer('a', asked, 1), b: () => fakePeer('b', asked, 2) })
  const starts = (name: string) => [`${name} starts`, `${name} starts`]
  const round = (name: string, tokens: number) => [`${name} 16+${tokens}`, `${name} 40+${tokens}`]
  expect(asked).toEqual([
    ...starts('a'),
    ...starts('b'),
    'b closes',
    ...starts('b'),
    'a closes',
    ...starts('a'),
    ...round('a', 4),
    ...round('b', 4),
    ...round('b', 9),
    ...round('a', 9),
    ...round('a', 9),
    ...round('b', 9),
    'a closes',
    'b closes',
  ])
})

it('keeps a figure for each round that counts, and none of the warm-up', async () => {
  const [a, b] = await measure({ a: () => fakePeer('a', [], 1), b: () => fakePeer('b', [], 2) })
  expect(a!.lengths.get(16)).toEqual({ prefillRates: [1600, 1600], decodeRates: [1000, 1000] })
  expect(b!.lengths.get(40)).toEqual({ prefillRates: [4000, 4000], decodeRates: [500, 500] })
  expect(a!.coldMs).toEqual([100, 100])
  expect(a!.warmMs).toEqual([200, 200])
  expect(b!.memory).toEqual({ heapBytes: 1, processBytes: 2, gpuProcessBytes: 3, gpuBytes: null })
})

it('leaves a peer out that fails, with what it said, and goes on with the others', async () => {
  const asked: string[] = []
  const broken = fakePeer('broken', asked, 1, {
    generate: async () => {
      throw new Error('ABORT\nat wasm')
    },
  })
  const [failed, well] = await measure({ broken: () => broken, well: () => fakePeer('well', [], 1) })
  expect(failed!.failure).toBe('ABORT')
  expect(failed!.lengths.get(16)!.prefillRates).toEqual([])
  expect(asked.at(-1)).toBe('broken closes')
  expect(well!.failure).toBeNull()
  expect(well!.lengths.get(16)!.prefillRates).toHaveLength(2)
})

it('takes an answer for a failure that computed less of the prompt, or gave fewer tokens', async () => {
  const answers = {
    cached: { promptTokens: 12, firstMs: 1, lastMs: 2, laterTokens: 3 },
    short: { promptTokens: 16, firstMs: 1, lastMs: 2, laterTokens: 2 },
  }
  const peers = Object.entries(answers).map(
    ([name, answer]) => [name, () => fakePeer(name, [], 1, { generate: async () => answer })] as const,
  )
  const [cached, short] = await measure(Object.fromEntries(peers))
  expect(cached!.failure).toBe('it computed 12 tokens of a prompt of 16')
  expect(short!.failure).toBe('it gave 3 tokens, not 4')
})

it('gives no two prompts that begin alike, and none of special ids', async () => {
  const prompts: (readonly number[])[] = []
  const peer = fakePeer('a', [], 1)
  const watched: RunningPeer = {
    ...peer,
    generate: (prompt, tokens) => {
      prompts.push(prompt)
      return peer.generate(prompt, tokens)
    },
  }
  await measure({ a: () => watched })
  expect(new Set(prompts.map(([first]) => first)).size).toBe(prompts.length)
  expect(prompts.flat().every((id) => id >= 300 && id < plan.vocab)).toBe(true)
})
