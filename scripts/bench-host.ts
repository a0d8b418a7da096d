import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { HostFigures } from '../bench/host.ts'
import { importBench, nodeGpu, nodeName } from '../bench/in-node.ts'
import { commit } from '../bench/report.ts'
import type { Trace } from '../bench/trace.ts'
import { lavapipeVariables } from './lavapipe.ts'
import { testModel } from './model.ts'
import { type FunctionShare, profile } from './profile.ts'

/**
 * npm run bench:host -- [--lavapipe] [--sequences 1,16] [--steps 1000] [--real-steps 40] [--profile FILE]
 *                       [--trace FILE] [--json FILE]
 *
 * How long JavaScript takes for a decode step of a 30-layer model, from schedule to submit: on a device that does
 * nothing, with a profile and the garbage that a step leaves, and on this machine's device with the tests' model.
 * `--real-steps 0` leaves the real device out. In Node, where time and heap can be looked into.
 */
const { values } = parseArgs({
  options: {
    lavapipe: { type: 'boolean', default: false },
    sequences: { type: 'string', default: '1,16' },
    steps: { type: 'string', default: '1000' },
    'real-steps': { type: 'string', default: '40' },
    profile: { type: 'string' },
    trace: { type: 'string' },
    json: { type: 'string' },
  },
})
if (values.lavapipe) Object.assign(process.env, lavapipeVariables())
const gpu = nodeGpu(process.env.VK_ICD_FILENAMES ?? null)
const host = await importBench<typeof import('../bench/host.ts')>('host.ts')
const sequences = values.sequences.split(',').map(Number)
const steps = Number(values.steps)
const realSteps = Number(values['real-steps'])

console.log(`${nodeName()}, ${commit()}`)
console.log('milliseconds, median and 95th percentile'.padEnd(48), host.hostParts.map(column).join(''))
const times: HostFigures[] = []
for (const count of sequences) times.push(showTimes(await host.timeNoOp(count, steps)))
for (const count of realSteps > 0 ? sequences : []) {
  const file = new Uint8Array(await readFile((await testModel()).file))
  times.push(showTimes(await host.timeReal(gpu, file, count, realSteps)))
}

const { gc } = globalThis
if (!gc) throw new Error('bench:host runs with --expose-gc, as package.json starts it')
const garbage = []
for (const count of sequences) {
  const measured = await host.measureGarbage(count, gc)
  garbage.push(measured)
  const { bytesPerStep, keptBytesPerStep } = measured
  console.log(
    `${of(count)}: a step takes ${kilobytes(bytesPerStep)} of heap and keeps ${kilobytes(keptBytesPerStep)}`,
  )
}

let top: readonly FunctionShare[] = []
const profiledSteps = 3000
const stepMs = await host.decodeForProfile(sequences[0]!, profiledSteps, async (run) => {
  top = (await profile(run, values.profile)).slice(0, 15)
})
console.log(
  `${of(sequences[0]!)}, no-op device, under the profiler: ${stepMs.toFixed(3)} ms a step, spent in`,
)
for (const { name, file, share } of top) console.log(`${percent(share)} ${name} ${file}`)

let trace: Trace | null = null
if (values.trace) {
  const { traceDecode, chromeTrace } = await importBench<typeof import('../bench/trace.ts')>('trace.ts')
  const file = new Uint8Array(await readFile((await testModel()).file))
  trace = await traceDecode(gpu, file, sequences[0]!, Math.max(realSteps, 10))
  await writeFile(values.trace, JSON.stringify(chromeTrace(trace)))
  const { steps: traced, submittedAhead, gpuIdleShare, clockSlackMs, adapter } = trace
  console.log(
    `${of(sequences[0]!)}, ${adapter}: of ${traced.length - 1} steps, ${submittedAhead} were submitted before the one ` +
      `before had ended; the GPU was idle for ${percent(gpuIdleShare).trim()} of the time ` +
      `(GPU and page on one clock to ${clockSlackMs.toFixed(2)} ms)`,
  )
}

if (values.json) {
  const all = {
    browser: nodeName(),
    commit: commit(),
    times,
    garbage,
    profiledStepMs: stepMs,
    profile: top,
    trace,
  }
  await writeFile(values.json, `${JSON.stringify(all, null, 2)}\n`)
}
// Dawn's threads keep the process.
process.exit(0)

function showTimes(figures: HostFigures): HostFigures {
  const columns = host.hostParts.map((part) => {
    const { median, p95 } = figures.times[part]
    return column(`${median.toFixed(3)} ${p95.toFixed(3)}`)
  })
  console.log(`${of(figures.sequences)}, ${figures.adapter}`.slice(0, 47).padEnd(48), columns.join(''))
  return figures
}

function column(text: string): string {
  return text.padStart(14)
}

function of(count: number): string {
  return `${count} sequence${count > 1 ? 's' : ''}`
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`.padStart(8)
}
