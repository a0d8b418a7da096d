import type { TensorInfo } from '../util/model-file'

type Values = Float32Array<ArrayBuffer>

/** What becomes of a tensor's values before they go to the GPU; `all` are those of every small tensor, by name. */
export type ChangeValues = (values: Values, all: ReadonlyMap<string, Values>) => Values

interface ConstantEntry {
  readonly tensor: TensorInfo
  readonly at: number
  readonly change: ChangeValues | null
}

/** The small tensors of a layer (norms, biases, …), one after another in one buffer, f32. */
export class Constants {
  readonly entries: ConstantEntry[] = []
  /** f32 values so far. */
  length = 0

  constructor(readonly label: string) {}

  /** Room for so many values, zeros unless something is put there. Where it begins. */
  take(count: number): number {
    const at = this.length
    this.length += Math.ceil(count / 4) * 4
    return at
  }

  put(tensor: TensorInfo, at: number, change: ChangeValues | null = null): void {
    this.entries.push({ tensor, at, change })
  }

  add(tensor: TensorInfo, count: number, change: ChangeValues | null = null): number {
    const at = this.take(count)
    this.put(tensor, at, change)
    return at
  }

  /** f32 [length], from the values of all tensors by name. */
  pack(values: ReadonlyMap<string, Values>): Values {
    const packed = new Float32Array(this.length)
    for (const { tensor, at, change } of this.entries) {
      const own = values.get(tensor.name)!
      packed.set(change ? change(own, values) : own, at)
    }
    return packed
  }
}
