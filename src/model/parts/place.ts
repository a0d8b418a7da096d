import type { Constants } from '../constants'
import type { TensorFinder } from '../tensor-finder'

/** Where the tensors of a part are found, and where its small ones go. */
export interface PartPlace {
  readonly find: TensorFinder
  readonly constants: Constants
  /** Width of the residual stream. */
  readonly hidden: number
  /** Of the layer, for labels. */
  readonly name: string
}
