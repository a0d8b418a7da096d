import type { Activation } from '../../src/kernels/activation'
import { gated } from './activation'
import { matvec } from './matvec'

/** A stack of matrices [experts · rows, columns] and a bias for each row. */
export interface Stack {
  readonly values: Float64Array
  readonly magnitudes: Float64Array
  readonly biases: Float32Array
}

/** Expert `expert` of a stack times x, plus its biases, in doubles. */
function product(
  { values, magnitudes, biases }: Stack,
  experts: number,
  expert: number,
  x: ArrayLike<number>,
) {
  const [size, rows] = [values.length / experts, biases.length / experts]
  const own = {
    values: values.subarray(expert * size, (expert + 1) * size),
    magnitudes: magnitudes.subarray(expert * size, (expert + 1) * size),
  }
  return matvec(own, rows, x).y.map((sum, row) => sum + biases[expert * rows + row]!)
}

/** down(act(gate · x) · (up · x)) of one expert, in doubles; gate over up, or in turns. */
export function expertOutput(
  gateUp: Stack,
  down: Stack,
  activation: Activation,
  interleaved: boolean,
  [experts, expert]: readonly [number, number],
  x: ArrayLike<number>,
): Float64Array {
  const both = product(gateUp, experts, expert, x)
  const half = both.length / 2
  const hidden = Float64Array.from({ length: half }, (_, i) =>
    interleaved
      ? gated(activation, both[2 * i]!, both[2 * i + 1]!)
      : gated(activation, both[i]!, both[half + i]!),
  )
  return product(down, experts, expert, hidden)
}
