import { GpuDevice } from '../src/gpu/device'
import { weightFormats } from '../src/kernels/formats'
import { matvec, plainProduct } from '../src/kernels/matmul'
import { reads, type WeightFormat } from '../src/kernels/weights/format'
import { gridTables } from '../src/kernels/weights/iq'
import { chooseVariants } from '../src/model/variants'
import { Random } from '../test/support/gpu-random'
import { adapterName } from './adapter-name'
import { timeable } from './kernel-timer'
import { median, quantile } from './median'

export interface TypesBenchOptions {
  /** Names of tensor types, Q4_0 among them; all of them where left out. */
  readonly types?: readonly string[]
  readonly rounds: number
}

/** Products of one type with one token, shape by shape. */
export interface TypeRow {
  readonly type: string
  /** In a file. */
  readonly bitsPerWeight: number
  readonly shapes: readonly {
    readonly rows: number
    readonly columns: number
    /** Of a file's bytes; the median round's. */
    readonly gigabytesPerSecond: number
    readonly gigaweightsPerSecond: number
    /** Bytes per second in units of Q4_0's just before or after: the median round's, and the quartiles. */
    readonly perByte: { readonly median: number; readonly quartiles: readonly [number, number] }
  }[]
}

export interface TypesFigures {
  readonly adapter: string
  readonly variant: string
  readonly rows: readonly TypeRow[]
}

/** Output, and down projection's rows and columns in Llama-3.2-1B. */
const shapes = [
  { rows: 2048, columns: 2048 },
  { rows: 2048, columns: 8192 },
]
const leastMs = 10
/** The type that the others are compared with. */
const measure = 'Q4_0'

/**
 * Times `matvec` for each tensor type, in the variant that the device would choose. Rounds go from type to type, and each
 * has Q4_0 beside it, first in every other round, so that no busy moment of the machine meets one of them only.
 */
export async function benchTypes(gpu: GPU, { types, rounds }: TypesBenchOptions): Promise<TypesFigures> {
  const [device] = await Promise.all([GpuDevice.open(gpu), gridTables.fetch()])
  const variants = chooseVariants(device.info)[0]!
  const formats = [...weightFormats.values()].filter(({ name }) => types?.includes(name) ?? true)
  const measureAt = formats.findIndex(({ name }) => name === measure)
  const times = formats.map(() => shapes.map((): { readonly own: number; readonly measure: number }[] => []))
  for (const [s, { rows, columns }] of shapes.entries()) {
    const timers: Awaited<ReturnType<typeof timeable>>[] = []
    const counts: number[] = []
    for (const format of formats) {
      const { subgroups, ...constants } = variants.matvec
      const groups = columns / 32
      const planes = format.planes(rows * groups)
      const timer = await timeable(device, matvec, {
        variant: {
          ...reads(format),
          constants: { ...constants, columns: 1, activation: 0 },
          conditions: { ...format.conditions, subgroups },
        },
        buffers: {
          weights: randomPlanes(format, rows * groups),
          x: 8 * columns,
          constants: 4,
          routes: 4,
          y: 8 * rows,
        },
        params: {
          ...plainProduct,
          rows,
          groups,
          segment_groups: Math.ceil(groups / 8),
          ...planes,
          x_stride: columns / 4,
          y_stride: rows,
          y_offset: 0,
        },
        shape: { tokens: 1, rows, outputs: rows, columns, weightBytes: 4 * planes.words, residual: false },
      })
      await timer.time(1)
      counts.push(Math.ceil(leastMs / (await timer.time(2))))
      timers.push(timer)
    }
    for (let round = 0; round < rounds; round++) {
      for (const [f, { time }] of timers.entries()) {
        const timeOwn = () => time(counts[f]!)
        const timeMeasure = () => timers[measureAt]!.time(counts[measureAt]!)
        if (round % 2 === 0) {
          const own = await timeOwn()
          times[f]![s]!.push({ own, measure: await timeMeasure() })
        } else {
          const first = await timeMeasure()
          times[f]![s]!.push({ own: await timeOwn(), measure: first })
        }
      }
    }
    for (const { release } of timers) release()
  }
  const adapter = adapterName({ device: device.info })
  device.destroy()
  const bitsOf = ({ unitBytes, unitWeights }: WeightFormat) => (8 * unitBytes) / unitWeights
  const rows = formats.map((format, f) => ({
    type: format.name,
    bitsPerWeight: bitsOf(format),
    shapes: shapes.map((shape, s) => {
      const rounds = times[f]![s]!
      const bits = bitsOf(format)
      const gigaweightsPerSecond = (shape.rows * shape.columns) / median(rounds.map(({ own }) => own)) / 1e6
      const ratios = rounds.map(({ own, measure }) => ((measure / own) * bits) / bitsOf(formats[measureAt]!))
      const perByte = {
        median: median(ratios),
        quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] as const,
      }
      return {
        ...shape,
        gigabytesPerSecond: (gigaweightsPerSecond * bits) / 8,
        gigaweightsPerSecond,
        perByte,
      }
    }),
  }))
  return { adapter, variant: variants.name, rows }
}

/** Codes of every kind, since tables are read where they point; as f16 and as f32 nothing beyond 2. */
function randomPlanes(format: WeightFormat, groups: number): Uint32Array<ArrayBuffer> {
  const random = new Random(1)
  const some = Uint32Array.from({ length: 4099 }, () => random.word() & 0x3fff3fff)
  const { words, table } = format.planes(groups)
  const planes = new Uint32Array(words)
  for (let at = 0; at < words; at += some.length) planes.set(some.subarray(0, words - at), at)
  const entries = format.table?.()
  if (entries) planes.set(entries, table)
  return planes
}
