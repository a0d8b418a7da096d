import type { Kernel, ParamType } from '../src/gpu/kernel'
import { activates } from '../src/kernels/activation'
import { combineExperts, route, tileExperts } from '../src/kernels/experts'
import { weightFormats } from '../src/kernels/formats'
import { type MatmulShape, matmul, matvec, mostTiles, plainProduct } from '../src/kernels/matmul'
import { reads } from '../src/kernels/weights/format'
import type { Variants } from '../src/model/variants'
import type { TimedDispatch } from './kernel-timer'

type Shape = MatmulShape & { readonly entries: number; readonly width: number }

interface ExpertCase {
  // biome-ignore lint/suspicious/noExplicitAny: kernels that bind different things
  readonly kernel: Kernel<Shape, any, Record<string, ParamType>, any>
  readonly what: string
  readonly dispatch: TimedDispatch<Shape>
}

/** A layer of OLMoE 1B-7B: 64 experts of which a token takes 8. */
const [hidden, intermediate, experts, top] = [2048, 1024, 64, 8]

/** The kernels of a mixture of experts for so many tokens, in Q4_1. */
export function expertCases(tokens: number, variants: Variants): ExpertCase[] {
  const entries = tokens * top
  const format = weightFormats.get('Q4_1')!
  const { rowLanes, matmul: manyPoint, matvec: fewPoint } = variants
  const tokensPerLane = manyPoint.tokens_per_lane
  // Every expert as often as the others.
  const routes = Uint32Array.from([entries, ...Array.from({ length: entries }, (_, i) => (7 * i) % experts)])
  const tiles = tilesOf(routes.subarray(1), tokensPerLane)
  const many = tokens > 1
  const { subgroups, ...point } = many ? manyPoint : { ...fewPoint, columns: 1 }
  const [rows, columns] = [2 * intermediate, hidden]
  const groups = columns / 32
  const planes = format.planes(experts * rows * groups)
  const shape: Shape = {
    tokens,
    entries,
    width: hidden,
    rows,
    outputs: intermediate,
    columns,
    weightBytes: 4 * planes.words,
    residual: false,
  }
  const activation = activates({ kind: 'silu' })
  const lanes = { workgroup_size: rowLanes }
  const named = (
    kernel: ExpertCase['kernel'],
    dispatch: Omit<TimedDispatch<Shape>, 'shape'>,
    own: Partial<Shape> = {},
  ): ExpertCase => ({
    kernel,
    what: `8 of 64 experts × ${tokens}`,
    dispatch: { ...dispatch, shape: { ...shape, ...own } },
  })
  return [
    named(route, {
      variant: {
        constants: { ...lanes, experts, top, groups: 1, top_groups: 1 },
        conditions: { renormalized: true },
      },
      buffers: { logits: tokens * experts, constants: 4, routes: 1 + entries, shares: entries },
      params: { correction_at: 0, eps: 0, scale: 1 },
    }),
    ...(many
      ? [
          named(tileExperts, {
            variant: { constants: { ...lanes, experts, tokens_per_lane: tokensPerLane } },
            buffers: {
              routes,
              tiles: 1 + mostTiles(entries, experts, tokensPerLane) * (1 + tokensPerLane),
            },
            params: {},
          }),
        ]
      : []),
    named(
      many ? matmul : matvec,
      {
        variant: {
          ...reads(format),
          constants: { ...point, ...activation.constants },
          conditions: { ...format.conditions, gated: true, experts: true, subgroups },
        },
        buffers: {
          weights: planes.words,
          x: tokens * columns,
          constants: 4,
          routes: many ? tiles : routes,
          y: entries * intermediate,
        },
        params: {
          ...plainProduct,
          rows,
          groups,
          segment_groups: Math.ceil(groups / 8),
          ...planes,
          x_stride: columns / 4,
          y_stride: intermediate,
          y_offset: 0,
          shard_experts: experts,
          x_repeats: top,
        },
      },
      { tokens: entries, stack: { experts, xRepeats: top } },
    ),
    named(combineExperts, {
      variant: { constants: { ...lanes, top }, conditions: { residual: true } },
      buffers: { parts: entries * hidden, shares: entries, y: tokens * hidden },
      params: { width: hidden, parts_stride: hidden, y_stride: hidden, scale: 1 },
    }),
  ]
}

/** The entries of each expert in whole tiles. */
function tilesOf(chosen: Uint32Array, perTile: number): Uint32Array<ArrayBuffer> {
  const tiles: number[][] = []
  for (let expert = 0; expert < experts; expert++) {
    const own = [...chosen.keys()].filter((entry) => chosen[entry] === expert)
    for (let at = 0; at < own.length; at += perTile) {
      const places = own.slice(at, at + perTile)
      tiles.push([expert, ...places, ...new Array<number>(perTile - places.length).fill(0xffffffff)])
    }
  }
  return Uint32Array.from([tiles.length, ...tiles.flat()])
}
