import type { GpuDevice } from '../../gpu/device'
import type { Pipeline } from '../../gpu/pipeline'
import { weightFormats } from '../../kernels/formats'
import { packingOf } from '../../kernels/packing'
import { type MatrixFormat, reads } from '../../kernels/weights/format'
import { createMatrix, type Matrix } from '../matrix'
import { WeightUploader } from '../upload'
import { productBytes, productShape } from './product-inputs'
import type { Trials } from './trials'

const { rows, columns } = productShape

/** What the known matrix gives in one tensor type. */
export interface MatrixAnswers {
  /** Of `knownRows`, with the last token's activations. */
  readonly sums: readonly number[]
  /** `embeddedElements` of each of `embeddedRows` */
  readonly elements: readonly number[]
}

/** The known matrix in one tensor type. */
export interface KnownMatrix extends MatrixAnswers {
  readonly format: MatrixFormat
  readonly buffer: GPUBuffer
}

/** Lays the known matrix out as the model's are, in each of their tensor types that has known answers. */
export async function uploadKnown(
  gpu: GpuDevice,
  trials: Trials,
  matrices: readonly Matrix[],
  answers: Readonly<Record<string, MatrixAnswers>>,
): Promise<readonly KnownMatrix[]> {
  const names = [...new Set(matrices.map(({ format }) => format.name))].filter((name) => answers[name])
  let offset = 0
  const files = names
    .flatMap((name) => weightFormats.get(name) ?? [])
    .map((format) => {
      const bytes = productBytes(format)
      const tensor = {
        name: format.name,
        type: format.name,
        dims: [columns, rows],
        offset,
        bytes: bytes.length,
      }
      offset += bytes.length
      const part = { tensor, firstRow: 0, rows, packing: packingOf(format) }
      const matrix = createMatrix(gpu, { name: 'known', format, parts: [part], columns, rows })
      return { format, bytes, tensor, matrix }
    })
  const uploader = await WeightUploader.create(
    gpu,
    files.map(({ matrix }) => matrix),
    [],
  )
  for (const { tensor, bytes } of files) await uploader.write(tensor.offset, bytes)
  await uploader.finish()
  return files.map(({ format, matrix }) => {
    const { buffer } = matrix.shards[0]!
    trials.keep([buffer])
    return { format, buffer, ...answers[format.name]! }
  })
}

/** Numbers of the modules that make a product's rows, beside those of its format. */
const ofMadeRows = new Set(['row_quads', 'heads', 'value_dim', 'split_size', 'window'])

export function readsFormat({ variant }: Pipeline, format: MatrixFormat): boolean {
  const { modules, moduleConstants, conditions } = reads(format)
  const own = Object.entries(variant.moduleConstants ?? {}).filter(([name]) => !ofMadeRows.has(name))
  return (
    variant.modules?.weights === modules.weights &&
    JSON.stringify(own) === JSON.stringify(Object.entries(moduleConstants)) &&
    Object.entries(conditions).every(([name, on]) => variant.conditions?.[name] === on)
  )
}
