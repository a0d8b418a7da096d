import { rowsOfCodes } from '../../kernels/code-packing'
import { affineFormat } from '../../kernels/weights/affine'
import { ConfigReader, isObject } from '../config-reader'
import { checkGroup, floatKind, type Quantization, unsupportedQuantization } from './scheme'
import { zeroBiasNote } from './zero-bias'

const knownBits = [2, 3, 4, 5, 6, 8] as const
const floats = ['F16', 'BF16', 'F32']

/** MLX's affine mode: a row is one stream of bits, W = scale · q + bias. Layers may have bits and groups of their own. */
export function readMlx(read: ConfigReader): Quantization {
  const whole = readLayer(read)
  const own = Object.values(read.json).some((value) => isObject(value))
  return {
    name: `MLX ${whole.bits}-bit g${whole.group}${own ? ', mixed' : ''}`,
    find: (stem, rows, columns, tensors, biased) => {
      if (!tensors.has(`${stem}.scales`)) return null
      const layer = read.json[stem]
      const where = `${stem} in the quantization of config.json`
      const { bits, group } = isObject(layer)
        ? readLayer(new ConfigReader({ ...read.json, ...layer }, where))
        : whole
      checkGroup(stem, columns, group)
      const groups = columns / group
      const weight = tensors.typed(`${stem}.weight`, ['U32'], [rows, (columns * bits) / 32])
      const scales = tensors.typed(`${stem}.scales`, floats, [rows, groups])
      const biases = tensors.typed(`${stem}.biases`, [scales.type], [rows, groups])
      const scale = floatKind(scales)
      const floatRows = { bits: scale === 'f32' ? 32 : 16, rowCodes: groups }
      return {
        format: affineFormat({
          name: `MLX ${bits}-bit`,
          columns,
          bits,
          number: 'unsigned',
          scale,
          scaleColumns: group,
          zero: 'biases',
        }),
        parts: [
          { tensor: weight, packing: rowsOfCodes({ bits: 32, rowCodes: (columns * bits) / 32 }) },
          { tensor: scales, packing: rowsOfCodes({ ...floatRows, plane: 'scales' }) },
          { tensor: biases, packing: rowsOfCodes({ ...floatRows, plane: 'supers' }) },
        ],
        notes: biased ? [] : zeroBiasNote(stem, rows, tensors),
        joins: true,
      }
    },
  }
}

function readLayer(read: ConfigReader) {
  const mode = read.text('mode', 'affine')
  if (mode !== 'affine') throw unsupportedQuantization(`MLX's mode '${mode}' is not supported; 'affine' is.`)
  const bits = knownBits.find((each) => each === read.count('bits'))
  if (bits === undefined) {
    throw unsupportedQuantization(
      `MLX with ${read.count('bits')} bits is not supported; ${knownBits.join(', ')} are.`,
    )
  }
  return { bits, group: read.count('group_size') }
}
