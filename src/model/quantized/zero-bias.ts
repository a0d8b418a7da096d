import { type MatrixNote, type TensorLookup, unsupportedQuantization } from './scheme'

/** Old packers write biases of zeros beside matrices that have none; any others would be left out of the answer. */
export function zeroBiasNote(stem: string, rows: number, tensors: TensorLookup): readonly MatrixNote[] {
  if (!tensors.has(`${stem}.bias`)) return []
  const bias = tensors.typed(`${stem}.bias`, ['F16', 'BF16', 'F32'], [rows])
  return [
    {
      tensors: [bias],
      read: ([bytes]) => {
        if (bytes!.some((byte) => byte !== 0)) {
          throw unsupportedQuantization(
            `The tensor '${bias.name}' is not zero, and the model has no bias there: it would be left out of the answer.`,
          )
        }
        return null
      },
    },
  ]
}
