import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createServer } from 'vite'
import { create, globals } from 'webgpu'

/** node --import tsx bench/kernels-node.ts [--model 135M]… [--kernel matvec]… [--type Q4_1]… [--json FILE] */
const list = { type: 'string', multiple: true } as const
const { values } = parseArgs({
  options: { model: list, kernel: list, type: list, json: { type: 'string' } },
})

Object.assign(globalThis, globals)
// Kept in a variable that lives: collected by V8, Dawn's threads crash.
const instance = create(['enable-dawn-features=allow_unsafe_apis'])
const vite = await createServer({
  root: join(import.meta.dirname, '..'),
  configFile: false,
  logLevel: 'error',
  server: { middlewareMode: true, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true, include: [] },
})
const { GpuDevice } = (await vite.ssrLoadModule('/src/gpu/device.ts')) as typeof import('../src/gpu/device')
const { benchKernels } = (await vite.ssrLoadModule('/bench/kernels.ts')) as typeof import('./kernels')
const gpu = await GpuDevice.open(instance)
const { vendor, architecture, device, description } = gpu.info
console.log(`${vendor} ${architecture} ${device} ${description}`)
const rows = await benchKernels(gpu, {
  models: values.model,
  kernels: values.kernel,
  types: values.type,
  onRow: ({ model, kernel, what, variant, ms, gigabytesPerSecond, gigaflops }) => {
    const rates = [
      `${gigabytesPerSecond.toFixed(2)} GB/s`,
      gigaflops ? `${gigaflops.toFixed(2)} GFLOP/s` : '',
    ]
    console.log(
      [
        model.padEnd(5),
        kernel.padEnd(18),
        what.padEnd(36),
        variant.padEnd(24),
        `${ms.toFixed(3)} ms`.padStart(12),
      ]
        .concat(rates.map((rate) => rate.padStart(14)))
        .join(' '),
    )
  },
})
if (values.json) writeFileSync(values.json, `${JSON.stringify({ device: gpu.info, rows }, null, 2)}\n`)
// Node does not end by itself while Dawn's device lives.
process.exit(0)
