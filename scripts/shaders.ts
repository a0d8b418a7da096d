import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { createServer } from 'vite'
import type { Kernel } from '../src/gpu/kernel.ts'
import { plainHeads } from '../src/kernels/heads.ts'

/**
 * npm run shaders -- KERNEL [--weights q4_1] [--device software|hardware] [--if NAME]… [--set NAME=NUMBER]…
 *
 * Prints a kernel's WGSL as the device gets it, linked and whole; without a kernel, what there is. Numbers of the model
 * are those of SmolLM2-135M unless set.
 */
const usage =
  'npm run shaders -- KERNEL [--weights q4_1] [--device software|hardware] [--if NAME]… [--set NAME=NUMBER]…'
const modelNumbers = {
  ...plainHeads.constants,
  head_dim: 64,
  value_dim: 64,
  rope_dim: 64,
  heads: 9,
  kv_heads: 3,
  block_size: 32,
  kv_bits: 16,
  split_size: 64,
  most_heads: 4,
  activation: 0,
  columns: 1,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string', default: 'q4_1' },
    device: { type: 'string', default: 'software' },
    if: { type: 'string', multiple: true, default: [] },
    set: { type: 'string', multiple: true, default: [] },
  },
})

// Vite loads the sources, since shaders come in through its import.meta.glob.
const root = join(import.meta.dirname, '..')
const vite = await createServer({
  root,
  configFile: false,
  logLevel: 'error',
  server: { middlewareMode: true, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true, include: [] },
})
try {
  const kernels = await loadKernels()
  const name = positionals[0]
  // Several records have one shader where its rows differ: each always has its own switches.
  const ofRows = ['half_rows', 'in_bytes', 'rounds']
  const kernel = kernels.find(
    ({ shader, conditions = [] }) =>
      shader === name && ofRows.every((each) => conditions.includes(each) === values.if.includes(each)),
  )
  if (kernel) console.log(await linked(kernel))
  else if (name === undefined) list(kernels)
  else fail(`There is no kernel '${name}'. There are: ${kernels.map(({ shader }) => shader).join(', ')}.`)
} finally {
  await vite.close()
}

async function loadKernels(): Promise<readonly Kernel[]> {
  const { kernelModules } = (await vite.ssrLoadModule('/scripts/kernel-modules.ts')) as {
    kernelModules: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
  const records = Object.values(kernelModules).flatMap((module) => Object.values(module))
  return records.filter(
    (each): each is Kernel => typeof each === 'object' && each !== null && 'shader' in each,
  )
}

function list(kernels: readonly Kernel[]): void {
  console.log(`${usage}\n`)
  for (const { shader, constants, conditions = [] } of kernels) {
    const switches = conditions.length > 0 ? `   --if ${conditions.join(', ')}` : ''
    console.log(`${shader.padEnd(18)} --set ${constants.join(', ')}${switches}`)
  }
}

async function linked(kernel: Kernel): Promise<string> {
  const { linkShader } = (await vite.ssrLoadModule(
    '/src/gpu/shader.ts',
  )) as typeof import('../src/gpu/shader.ts')
  const conditions = kernel.conditions ?? []
  const strange = values.if.find((name) => !conditions.includes(name))
  if (strange)
    fail(`${kernel.shader} has no condition '${strange}'. It has: ${conditions.join(', ') || 'none'}.`)
  return linkShader(kernel, {
    constants: await constantsOf(kernel),
    conditions: Object.fromEntries(conditions.map((name) => [name, values.if.includes(name)])),
    modules: { weights: `weights/${values.weights}` },
  })
}

/** A number for each of the kernel's constants: as set, of the device's variant, or of the model. */
async function constantsOf({ shader, constants }: Kernel): Promise<Record<string, number>> {
  const tables = (await vite.ssrLoadModule(
    '/src/model/variants.ts',
  )) as typeof import('../src/model/variants.ts')
  const variants = { software: tables.software, hardware: tables.hardware }[values.device]
  if (!variants) fail(`--device is '${values.device}'; it must be software or hardware.`)
  const { matvec, matmul, int8Matvec, int8Matmul, rowLanes, attentionDecode, samplerLanes } = variants
  const points = { matvec, matmul, int8_matvec: int8Matvec, int8_matmul: int8Matmul }
  const lanes = shader.startsWith('attention')
    ? attentionDecode.workgroup_size
    : shader === 'sample'
      ? samplerLanes
      : rowLanes
  const { subgroups: _, ...own } = points[basename(shader) as keyof typeof points] ?? {
    workgroup_size: lanes,
    subgroups: false,
  }
  const numbers: Record<string, number> = { ...modelNumbers, ...own }
  for (const setting of values.set) {
    const [name, number] = setting.split('=')
    if (!constants.includes(name!) || !/^\d+$/.test(number ?? '')) {
      fail(`--set ${setting}: ${shader} has the constants ${constants.join(', ')}, each a whole number.`)
    }
    numbers[name!] = Number(number)
  }
  return Object.fromEntries(
    constants.map((name) => [name, numbers[name] ?? fail(`Give a number: --set ${name}=…`)]),
  )
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
