import type { Pipeline } from '../../gpu/pipeline'
import { type KnownMatrix, readsFormat } from './known-matrices'
import { embeddedElements, embeddedRows, productShape } from './product-inputs'
import type { Trial } from './trial'
import type { Trials } from './trials'

const { rows, columns } = productShape
const groups = columns / 32
const [scale, before] = [0.5, 0.5]
/** The batch's words: something else comes first, and the second id is one that the step before drew for slot 3. */
const batch = [9, embeddedRows[0] - 2, 0x80000003]
const drawn = [0, 0, 0, embeddedRows[1] - 2]

/** Lets the kernel that looks rows up take some of the known matrix. */
export function tryEmbeddings(
  trials: Trials,
  pipelines: readonly Pipeline[],
  matrices: readonly KnownMatrix[],
): readonly Trial[] {
  const embeds = pipelines.filter(({ kernel }) => kernel.shader === 'embed')
  return matrices.flatMap(({ format, buffer, elements }) =>
    embeds
      .filter((pipeline) => readsFormat(pipeline, format))
      .map((pipeline) => {
        const { scaled, residual } = pipeline.variant.conditions ?? {}
        const count = embeddedRows.length * columns
        const y = trials.buffer('y', new Float32Array(count).fill(before))
        trials.run(
          pipeline,
          {
            weights: buffer,
            batch: trials.buffer('batch', Uint32Array.from(batch)),
            sampled: trials.buffer('sampled', Uint32Array.from(drawn)),
            y,
          },
          {
            ids_at: 1,
            id_offset: 2,
            ids: rows,
            first_row: 0,
            rows,
            groups,
            ...format.planes(rows * groups),
            scale,
          },
          { tokens: embeddedRows.length, rowBytes: 0, hidden: columns },
        )
        const known = elements.map((value, i) => {
          const at =
            Math.floor(i / embeddedElements.length) * columns + embeddedElements[i % embeddedElements.length]!
          return { at, value: (residual ? before : 0) + (scaled ? scale : 1) * value }
        })
        const greatest = Math.max(...elements.map(Math.abs))
        return {
          pipeline,
          reading: trials.read(y, 4 * count),
          from: 0,
          count,
          name: `embed ${format.name} ${JSON.stringify(pipeline.variant)}`,
          known,
          tolerance: 2e-3 * Math.max(1e-3, greatest),
        }
      }),
  )
}
