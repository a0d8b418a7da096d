import { describe, expect, it } from 'vitest'
import { embed } from '../../../src/kernels/embed'
import { reads } from '../../../src/kernels/weights/format'
import { createMatrix, type Matrix } from '../../../src/model/matrix'
import type { MatrixSource } from '../../../src/model/matrix-source'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import { WeightUploader } from '../../../src/model/upload'
import type { JsonObject } from '../../../src/util/model-file'
import { type Dequantized, dequantizeMatrix, readTables } from '../../reference/quantized'
import { ForcedSequence } from '../../support/force-tokens'
import { isQuick, openTestGpu, readBuffer, runKernel } from '../../support/gpu'
import { expectClose } from '../../support/gpu-compare'
import { loadRepo } from '../../support/load-model'
import { fetchRepo, type Repo } from '../../support/safetensors-repo'

/** See test/golden/quant/README.md. */
interface Golden {
  readonly input_ids: readonly number[]
  readonly last_logits: readonly number[]
  readonly greedy_tokens: readonly number[]
  /** Of the dequantized f32 values of each matrix, with −0 written as 0. */
  readonly sha256_f32: Readonly<Record<string, string>>
}

const gpu = await openTestGpu()
/** The repos that the project holds; all of them where OCTAVO_GOLDEN names the reference data. */
const whole = await fetch('/shared-golden/quant/README.md')
const root = whole.ok ? '/shared-golden/quant' : '/golden/quant'
const names: readonly string[] = await (
  await fetch(`/golden/quant/${whole.ok ? 'all' : 'index'}.json`)
).json()

/** Where pipelines compile slowly, the products of few repos are computed; between them they take every path. */
const products = isQuick(gpu)
  ? names
  : ['gptq-w4-asym-g32', 'mlx-mixed', 'bnb-nf4-double', 'fp8-block-ragged']

const proving = { tune: 'off', store: null, browser: '', onTuning: () => {} } as const

describe.each(names)('the quantized repo %s', async (name) => {
  const config = await json<JsonObject>(`${name}/config.json`)
  const golden = await json<Golden>(`${name}/golden.json`)
  const sharded = name.includes('sharded')
  const files = sharded ? ['model-00001-of-00002', 'model-00002-of-00002'] : ['model']
  const repo = await fetchRepo(
    files.map((file) => `${root}/${name}/${file}.safetensors`),
    config,
  )

  it('has on the GPU the weights that its own library reads, in the bits that they have in its file', async () => {
    const tables = readTables(repo.header.tensors, repo.bytes)
    const { matrices, sources } = await upload(repo)
    let quantized = 0
    for (const [i, { parts }] of sources.entries()) {
      for (const [tensorName, sha256] of Object.entries(golden.sha256_f32)) {
        const stem = tensorName.replace(/\.weight$/, '')
        const part = parts.find(({ tensor }) => new RegExp(`^${stem}[._]`).test(tensor.name))
        if (!part) continue
        const expected = dequantizeMatrix(tables, stem, config)
        const { num_local_experts: experts } = config
        const hashed = typeof experts === 'number' ? turned(expected, experts) : expected.values
        expect(await hashOf(hashed), tensorName).toBe(sha256)
        const got = await readRows(matrices[i]!, part.firstRow, part.rows)
        // One step where a multiply-add may be fused, or a number is divided by 127; else exact.
        const loose = /^(mlx|bnb-nf4-double|bnb-int8)/.test(name)
        expectClose(tensorName, got, expected.values, (j) =>
          loose ? 2 ** -23 * Math.abs(expected.values[j]!) + (name.startsWith('mlx') ? 2 ** -20 : 0) : 0,
        )
        quantized += 1
      }
    }
    expect(quantized).toBe(Object.keys(golden.sha256_f32).length)
    for (const [i, { parts }] of sources.entries()) {
      const fileBytes = parts.reduce((sum, { tensor }) => sum + tensor.bytes, 0)
      const gpuBytes = matrices[i]!.shards.reduce((sum, { planes }) => sum + 4 * planes.words, 0)
      // Matrices as small as these may have a table of as many bytes as their weights.
      const table = matrices[i]!.shards.reduce(
        (sum, { planes }) => sum + (planes.table ? 4 * (planes.words - planes.table) : 0),
        0,
      )
      expect((gpuBytes - table) / fileBytes).toBeLessThan(1.03)
    }
  })

  it.runIf(products.includes(name))('gives the reference logits and greedy tokens', async () => {
    const options = { format: 'f32', maxTokens: 128, tactics: proving } as const
    const { runner, destroy, info } = await loadRepo(repo, options)
    expect(info.dropped, 'variants that erred in the proof').toEqual([])
    expect(info.diagnostics.proof!.untried, 'kernels without a known case').toEqual([])
    try {
      const sequence = new ForcedSequence(runner, 0, 64)
      let { best, logits } = await sequence.prefill(golden.input_ids, 16)
      const range = Math.max(...golden.last_logits) - Math.min(...golden.last_logits)
      const deviation = Math.max(...golden.last_logits.map((value, i) => Math.abs(value - logits[i]!)))
      // The reference data's bound for an f32 path.
      expect(deviation / range).toBeLessThan(2e-4)
      const found: number[] = []
      while (found.length < golden.greedy_tokens.length) {
        found.push(best)
        ;({ best, logits } = await sequence.decode(best))
      }
      expect(found).toEqual(golden.greedy_tokens)
    } finally {
      destroy()
    }
  })
})

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`${root}/${path}`)
  expect(response.ok, path).toBe(true)
  return response.json()
}

/** All matrices of a repo, as a load lays them out from pieces of odd lengths. */
async function upload({ header, bytes }: Repo): Promise<{ matrices: Matrix[]; sources: MatrixSource[] }> {
  const tensors = findTensors(header, readDescription(header), null)
  const sources = [...tensors.matrices]
  const matrices = sources.map((source) => createMatrix(gpu, source))
  const uploader = await WeightUploader.create(gpu, matrices, [])
  const pieceBytes = 50_001
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await uploader.write(at, bytes.slice(at, at + pieceBytes))
  }
  await uploader.finish()
  return { matrices, sources }
}

/** f32 [rows, columns], as the kernels read them. */
async function readRows(matrix: Matrix, firstRow: number, rows: number): Promise<Float32Array> {
  const { format, groups, columns, shards } = matrix
  const { buffer, planes } = shards[0]!
  const words = new Uint32Array(await readBuffer(gpu, buffer, 4 * planes.words))
  const outputs = await runKernel(gpu, embed, {
    variant: { ...reads(format), constants: { workgroup_size: 32 } },
    inputs: {
      weights: words,
      batch: Uint32Array.from({ length: rows }, (_, row) => firstRow + row),
      sampled: 1,
      y: rows * columns,
    },
    params: { ids_at: 0, id_offset: 0, ids: 0, first_row: 0, rows: matrix.rows, groups, ...planes, scale: 1 },
    shape: { tokens: rows, rowBytes: 0, hidden: columns },
  })
  return outputs.floats('y')
}

/** Experts' matrices as transformers has them: [experts, columns, rows]. */
function turned({ rows, columns, values }: Dequantized, experts: number): Float32Array<ArrayBuffer> {
  const own = rows / experts
  return values.map((_, i) => {
    const [row, column] = [i % own, Math.floor(i / own) % columns]
    const expert = Math.floor(i / (own * columns))
    return values[(expert * own + row) * columns + column]!
  })
}

async function hashOf(values: Float32Array): Promise<string> {
  const digest = await crypto.subtle.digest(
    'SHA-256',
    values.map((value) => value + 0),
  )
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
