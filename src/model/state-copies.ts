import type { GpuDevice } from '../gpu/device'
import { bufferUsage } from '../gpu/flags'
import type { StepChunk } from './step'

const copies = bufferUsage.copySrc | bufferUsage.copyDst

/** What a layer keeps of running sequences: slot s has the bytes from s · slotBytes on, a multiple of 16. */
export interface LayerState {
  readonly buffer: GPUBuffer
  readonly slotBytes: number
}

/** Copies states from slot to slot, by way of a buffer beside them, since WebGPU copies between two buffers only. */
export class StateCopies {
  readonly #layers: readonly LayerState[]
  /** One slot's part of each layer, one after another. */
  readonly #between: GPUBuffer | null

  constructor(gpu: GpuDevice, layers: readonly LayerState[]) {
    this.#layers = layers
    const bytes = layers.reduce((sum, { slotBytes }) => sum + slotBytes, 0)
    this.#between = bytes === 0 ? null : gpu.buffer('the state of a slot in all layers', bytes, copies)
  }

  /** Records what the chunks want copied, in their order. Those that want the same state read it once. */
  record(encoder: GPUCommandEncoder, chunks: readonly StepChunk[]): void {
    let read: number | null = null
    for (const { slot, copyState } of chunks) {
      if (copyState === null) continue
      if (copyState !== read) this.#copy(encoder, copyState, 'out')
      read = copyState
      this.#copy(encoder, slot, 'in')
    }
  }

  #copy(encoder: GPUCommandEncoder, slot: number, way: 'out' | 'in'): void {
    let offset = 0
    for (const { buffer, slotBytes } of this.#layers) {
      const at = slot * slotBytes
      if (way === 'out') encoder.copyBufferToBuffer(buffer, at, this.#between!, offset, slotBytes)
      else encoder.copyBufferToBuffer(this.#between!, offset, buffer, at, slotBytes)
      offset += slotBytes
    }
  }
}
