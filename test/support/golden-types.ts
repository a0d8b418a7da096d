import { inject } from 'vitest'
import { readGgufHeader } from '../../src/weights/gguf'
import { readSafetensorsHeader } from '../../src/weights/safetensors'

/** A tensor [rows, columns] of a file and what is known of it, see test/golden/gguf-types/make.mjs. */
export interface GoldenTensor {
  readonly name: string
  readonly type: string
  readonly dims: readonly [columns: number, rows: number]
  readonly raw: Uint8Array<ArrayBuffer>
  /** SHA-256 of the dequantized f32 values, with −0 written as 0. */
  readonly sha256: string
  /** f32 [columns], and f64 [rows] its product with the matrix. */
  readonly x: Float32Array
  readonly y: Float64Array
  /** f32 [5, columns], and f64 [5, rows]. */
  readonly X: Float32Array
  readonly Y: Float64Array
}

interface Report {
  readonly tensors: Readonly<Record<string, { readonly sha256_f32: string }>>
}

/** A few rows of each type; where OCTAVO_GOLDEN names a folder with all reference data, all of them. */
export async function goldenTensors(): Promise<readonly GoldenTensor[]> {
  const folder = inject('allGolden') ? '/shared-golden/gguf' : '/golden/gguf-types'
  const report = JSON.parse(new TextDecoder().decode(await fetched(`${folder}/report.json`))) as Report
  const tensors: GoldenTensor[] = []
  for (const stem of ['types', 'types-extra']) {
    const file = await fetched(`${folder}/${stem}.gguf`)
    const results = await fetched(`${folder}/${stem}.safetensors`)
    const ranges = new Map(
      readSafetensorsHeader(results, results.length).map(({ name, offset, bytes }) => [
        name,
        { offset, bytes },
      ]),
    )
    const part = (name: string) => {
      const { offset, bytes } = ranges.get(name)!
      return results.slice(offset, offset + bytes).buffer
    }
    const [x, X] = [new Float32Array(part('x')), new Float32Array(part('X'))]
    for (const { name, type, dims, offset, bytes } of readGgufHeader(file, file.length).tensors) {
      tensors.push({
        name,
        type,
        dims: [dims[0]!, dims[1]!],
        raw: file.slice(offset, offset + bytes),
        sha256: report.tensors[name]!.sha256_f32,
        x,
        y: new Float64Array(part(`${name}.y`)),
        X,
        Y: new Float64Array(part(`${name}.Y`)),
      })
    }
  }
  return tensors
}

async function fetched(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
