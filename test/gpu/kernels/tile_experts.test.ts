import { describe, expect, it } from 'vitest'
import { tileExperts } from '../../../src/kernels/experts'
import { mostTiles } from '../../../src/kernels/matmul'
import { tileExperts as reference } from '../../reference/tile_experts'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const lanes = [...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))]
const none = 0xffffffff

describe.each(lanes)('tiles of experts by %s lanes', (workgroup_size) => {
  it.each([
    [4, 4, 1],
    [4, 4, 14],
    [8, 64, 56],
    [8, 64, 320],
    [4, 512, 700],
  ])(
    'of %s entries hold each entry once, with its expert: %s experts, %s entries',
    async (tokens_per_lane, experts, entries) => {
      const random = new Random(entries)
      // Half of the entries go to one expert, and some experts have none.
      const chosen = Array.from({ length: entries }, () =>
        random.word() % 2 === 0 ? experts - 1 : random.word() % Math.ceil(experts / 2),
      )
      const most = mostTiles(entries, experts, tokens_per_lane)
      const outputs = await runKernel(gpu, tileExperts, {
        variant: { constants: { workgroup_size, experts, tokens_per_lane } },
        inputs: {
          routes: Uint32Array.from([entries, ...chosen]),
          tiles: new Uint32Array(1 + most * (1 + tokens_per_lane)).fill(77),
        },
        params: {},
        shape: { entries },
      })
      const [count = 0, ...tiles] = outputs.words('tiles')
      expect(count).toBeLessThanOrEqual(most)
      const got = new Map<number, number[]>()
      for (let tile = 0; tile < count; tile++) {
        const [expert = 0, ...places] = tiles.slice(
          tile * (1 + tokens_per_lane),
          (tile + 1) * (1 + tokens_per_lane),
        )
        const own = places.filter((place) => place !== none)
        // Entries come first, and at least one.
        expect(places.slice(0, own.length)).toEqual(own)
        expect(own.length).toBeGreaterThan(0)
        got.set(expert, [...(got.get(expert) ?? []), ...own])
      }
      const expected = reference(chosen)
      expect([...got.keys()]).toEqual([...expected.keys()].sort((a, b) => a - b))
      for (const [expert, list] of expected) {
        expect(
          got.get(expert)!.sort((a, b) => a - b),
          `expert ${expert}`,
        ).toEqual(list)
        expect(Math.ceil(list.length / tokens_per_lane)).toBe(
          tiles
            .slice(0, count * (1 + tokens_per_lane))
            .filter((each, i) => i % (1 + tokens_per_lane) === 0 && each === expert).length,
        )
      }
    },
  )

  it('are as many as the grid has at most where every used expert has a tile that is almost empty', () => {
    // Two experts with 1 + 4 and 1 + 4 + 4 entries: 2 + 3 tiles.
    expect(mostTiles(14, 2, 4)).toBe(5)
    expect(mostTiles(3, 64, 4)).toBe(3)
  })
})
