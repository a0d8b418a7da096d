import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { noOpGpu } from '../../../bench/no-op-gpu'
import type { LoadedModel } from '../../../src/model/load'
import { hardware, software, type Variants } from '../../../src/model/variants'
import type { ArchCase } from '../../support/arch-golden'
import { ForcedSequence } from '../../support/force-tokens'
import { loadEncoderRepo } from '../../support/load-encoder'
import { loadModelBytes, loadRepo } from '../../support/load-model'
import { makeRepo } from '../../support/safetensors-repo'
import { type TinyModelOptions, tinyModel } from '../../support/tiny-model'
import { watchDevices, watchMethod } from '../../support/watch-device'
import { shaderNeeds } from '../../support/wgsl-needs'

/** What every WebGPU device gives a shader. */
const leastDevice = { storageBuffers: 8, workgroupBytes: 16384, invocations: 256 }

const root = join(import.meta.dirname, '../../golden/arch')
const { cases } = JSON.parse(readFileSync(join(root, 'index.json'), 'utf8')) as { cases: readonly ArchCase[] }

/** A device that does nothing, and what it was asked to compile: labels and code, in order. */
function compiling() {
  const modules: { readonly label: string; readonly code: string }[] = []
  const pipelines: string[] = []
  const submits: number[] = []
  const gpu = watchDevices(noOpGpu(), (device) => {
    watchMethod(device, 'createShaderModule', (made, [descriptor]) => {
      const { label = '', code } = descriptor as GPUShaderModuleDescriptor
      modules.push({ label, code })
      Object.assign(made as object, { code })
    })
    for (const method of ['createComputePipeline', 'createComputePipelineAsync']) {
      watchMethod(device, method, (_, [descriptor]) => {
        const { compute } = descriptor as GPUComputePipelineDescriptor
        pipelines.push((compute.module as GPUShaderModule & { readonly code: string }).code)
      })
    }
    watchMethod(device.queue, 'submit', () => {
      submits.push(pipelines.length)
    })
  })
  return { gpu, modules, pipelines, submits }
}

/** The file, or what is kept of it as `.gz`. */
function bytesOf(file: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(existsSync(file) ? readFileSync(file) : gunzipSync(readFileSync(`${file}.gz`)))
}

async function compiled(name: string, kind: ArchCase['kind'], variants: Variants) {
  const { gpu, modules, pipelines } = compiling()
  const config = JSON.parse(readFileSync(join(root, name, 'config.json'), 'utf8'))
  const repo = makeRepo([bytesOf(join(root, name, 'model.safetensors'))], config)
  const options = { gpu, variants }
  const model =
    kind === 'causal'
      ? await loadRepo(repo, { ...options, maxTokens: 64, maxSequences: 1 })
      : await loadEncoderRepo(repo, options)
  model.destroy()
  return { modules, pipelines }
}

function expectWithinLimits(modules: readonly { readonly label: string; readonly code: string }[]): void {
  for (const { label, code } of modules) {
    const { storageBuffers, workgroupBytes, invocations } = shaderNeeds(code)
    expect(storageBuffers, `storage buffers of ${label}`).toBeLessThanOrEqual(leastDevice.storageBuffers)
    expect(workgroupBytes, `workgroup memory of ${label}`).toBeLessThanOrEqual(leastDevice.workgroupBytes)
    expect(invocations, `lanes of ${label}`).toBeLessThanOrEqual(leastDevice.invocations)
    expect(invocations, `lanes of ${label}`).toBeGreaterThan(0)
  }
}

describe.each([software, hardware])('shaders of $name', (variants) => {
  it.each(cases)('stay within every device’s limits, and none is compiled twice, $name', async (each) => {
    const { modules, pipelines } = await compiled(each.name, each.kind, variants)
    expect(pipelines.length).toBeGreaterThan(5)
    expect(new Set(pipelines).size).toBe(pipelines.length)
    expect(modules).toHaveLength(pipelines.length)
    expectWithinLimits(modules)
  })

  const wide: readonly TinyModelOptions[] = [
    { headDim: 256, heads: 16, kvHeads: 1 },
    { headDim: 256, heads: 8, kvHeads: 8 },
    { headDim: 128, heads: 64, kvHeads: 2, hidden: 256 },
    { headDim: 8, heads: 60, kvHeads: 1, hidden: 480 },
    ...[2560, 3072, 3584].flatMap((hidden) =>
      [128, 256].map((headDim) => ({ headDim, heads: 2, kvHeads: 1, hidden, layers: 1, intermediate: 64 })),
    ),
  ]
  it.each(wide)(
    'stay within them with heads of $headDim, $heads on $kvHeads, rows of $hidden',
    async (options) => {
      for (const format of ['f32', 'f16', 'int8', 'int4'] as const) {
        const { gpu, modules } = compiling()
        const model = await loadModelBytes(tinyModel(options).file, { gpu, variants, format })
        model.destroy()
        expectWithinLimits(modules)
      }
    },
  )
})

describe('pipelines', () => {
  it('are the same in every load, to the byte', async () => {
    const [one, other] = [
      await compiled('gemma3', 'causal', software),
      await compiled('gemma3', 'causal', software),
    ]
    expect(one.modules).toEqual(other.modules)
  })

  it('begin to compile before weights come, and no request compiles one', async () => {
    const { gpu, pipelines, submits } = compiling()
    const model: LoadedModel = await loadModelBytes(tinyModel().file, { gpu })
    const compiledAtLoad = pipelines.length
    // The first submit takes weights.
    expect(submits[0]).toBe(compiledAtLoad)
    const { runner } = model
    for (const [slot, count] of [1, 3, 7, 40].entries()) {
      const sequence = new ForcedSequence(runner, slot, 64)
      await sequence.prefill(
        Array.from({ length: count }, (_, i) => i),
        64,
      )
      await sequence.decode(1)
    }
    expect(pipelines).toHaveLength(compiledAtLoad)
    model.destroy()
  })
})
