import { readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { firefoxPath } from '../test/support/firefox.ts'
import { ensureChromium } from './chromium.ts'
import { run } from './command.ts'
import { lavapipeVariables } from './lavapipe.ts'
import { encoderModel, testModel } from './model.ts'

/**
 * npm test [-- [--lavapipe] [--firefox] [--long] [--counts FILE] [unit] [gpu] [e2e] [--files PATTERN]]
 *
 * Gets what the tests need, runs the projects one after the other, and ends with the sum of all. A project that
 * executed no test has failed. With `--counts` the sum goes to a file instead, as JSON. `--firefox` runs the project `gpu`
 * in Firefox, on the GPU that Firefox finds or on lavapipe.
 */
const projects = ['unit', 'gpu', 'e2e'] as const
const results = join(import.meta.dirname, '../test-results')
const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs')

interface Counts {
  passed: number
  failed: number
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lavapipe: { type: 'boolean', default: false },
    firefox: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    counts: { type: 'string' },
    files: { type: 'string' },
  },
})

const unknown = positionals.find((name) => !(projects as readonly string[]).includes(name))
if (unknown) throw new Error(`there is no test project '${unknown}'; there are ${projects.join(', ')}`)
const chosen = projects.filter((name) => positionals.length === 0 || positionals.includes(name))

const env: NodeJS.ProcessEnv = { ...process.env }
if (values.long) env.OCTAVO_LONG = '1'
if (values.firefox) {
  if (chosen.join() !== 'gpu') throw new Error('--firefox is for the project gpu alone')
  Object.assign(env, { OCTAVO_BROWSER: 'firefox', FIREFOX_PATH: firefoxPath() })
}
if (chosen.some((name) => name !== 'unit')) {
  if (values.lavapipe) Object.assign(env, lavapipeVariables())
  else if (!values.firefox) env.CHROMIUM_PATH = await ensureChromium()
  await testModel()
  await encoderModel()
}

const total: Counts = { passed: 0, failed: 0 }
const summary: string[] = []
for (const project of chosen) {
  const startedAt = Date.now()
  const { passed, failed } = await runProject(project)
  total.passed += passed
  total.failed += failed
  const seconds = Math.round((Date.now() - startedAt) / 1000)
  summary.push(
    `${project.padEnd(4)} ${values.lavapipe ? 'lavapipe' : ''} ${passed} + ${failed} in ${seconds} s`,
  )
}
console.log(`\npassed + failed\n${summary.join('\n')}`)
if (values.counts) await writeFile(values.counts, JSON.stringify(total))
else console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1

async function runProject(project: string): Promise<Counts> {
  console.log(`\n— ${project} ${values.lavapipe ? 'on lavapipe ' : ''}—`)
  // Most of the time one thread of a browser compiles for a device on the CPU, so a second browser takes half of the files.
  const shards = project === 'gpu' && !values.files && availableParallelism() > 1 ? 2 : 1
  const all = await Promise.all(
    Array.from({ length: shards }, (_, i) => runShard(project, `${i + 1}/${shards}`)),
  )
  const counts: Counts = { passed: 0, failed: 0 }
  for (const { passed, failed } of all) {
    counts.passed += passed
    counts.failed += failed
  }
  if (counts.passed + counts.failed === 0) {
    console.error(`No test of '${project}' was executed.`)
    counts.failed = 1
  }
  return counts
}

async function runShard(project: string, shard: string): Promise<Counts> {
  const name = `${project}-${shard.replace('/', '-of-')}`
  const report = join(results, `${name}.json`)
  await rm(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const filter = values.files ? [values.files] : []
  const args = [vitest, 'run', '--project', project, '--shard', shard, ...reporters, ...filter]
  const error = await run(process.execPath, args, {
    // Each has prebuilt dependencies of its own, which the other one would replace under it.
    env: { ...env, OCTAVO_CACHE: name },
    output: 'show',
  }).then(
    () => null,
    (reason: Error) => reason,
  )
  const counts = await readReport(report)
  // Ended badly with no test to blame: an error outside of tests, or a crash.
  if (error && counts.failed === 0) counts.failed = 1
  return counts
}

interface Report {
  readonly testResults: readonly {
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

/** Counts tests; a file that failed before any of its tests counts as one. */
async function readReport(file: string): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0 }
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return counts
  for (const { status, assertionResults } of (JSON.parse(text) as Report).testResults) {
    const failed = assertionResults.filter((each) => each.status === 'failed').length
    counts.passed += assertionResults.filter((each) => each.status === 'passed').length
    counts.failed += failed === 0 && status === 'failed' ? 1 : failed
  }
  return counts
}
