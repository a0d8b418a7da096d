import type { TensorInfo } from '../../util/model-file'
import { OctavoError } from '../../util/octavo-error'
import { type MatrixNote, unsupportedQuantization } from './scheme'

/**
 * Which group each column of a matrix is in. `ordered`: any may be in any, and the numbers become a table of 16 bits
 * each. Else column i must be in group i / group, as the format has it.
 */
export function groupIndexNote(
  tensor: TensorInfo,
  groups: number,
  group: number,
  ordered: boolean,
): MatrixNote {
  const read: MatrixNote['read'] = ([bytes]) => {
    const index = new Int32Array(bytes!.slice().buffer)
    const wrong = index.find((g) => g < 0 || g >= groups)
    if (wrong !== undefined) {
      throw new OctavoError(
        'malformed-file',
        `The tensor '${tensor.name}' names group ${wrong} of ${groups}.`,
        'Download the repo again, or choose another quantization of this model.',
      )
    }
    if (ordered) {
      const words = new Uint32Array(Math.ceil(index.length / 2))
      index.forEach((g, i) => {
        words[Math.floor(i / 2)]! |= g << (16 * (i % 2))
      })
      return words
    }
    const moved = index.findIndex((g, i) => g !== Math.floor(i / group))
    if (moved >= 0) {
      throw unsupportedQuantization(
        `The tensor '${tensor.name}' has column ${moved} in group ${index[moved]}, though config.json says that columns are in order (desc_act false).`,
      )
    }
    return null
  }
  return { tensors: [tensor], read }
}
