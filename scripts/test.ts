import { statSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { firefoxPath } from '../test/support/firefox.ts'
import { ensureChromium } from './chromium.ts'
import { run } from './command.ts'
import { lavapipeVariables } from './lavapipe.ts'
import { encoderModel, testModel } from './model.ts'

/**
 * npm test [-- [--lavapipe] [--firefox] [--long] [--own-point] [--counts FILE] [unit] [gpu] [e2e] [--files PATTERN]…]
 *
 * Gets what the tests need, runs the projects, and ends with what failed and with the sum of all. A
 * project that executed no test has failed. With `--counts` both go to a file instead, as JSON. `--firefox` runs the project `gpu`
 * in Firefox, on the GPU that Firefox finds or on lavapipe. `--own-point`: kernels have the variants that the adapter would choose
 * itself, and no others.
 */
const projects = ['unit', 'gpu', 'e2e'] as const
type Project = (typeof projects)[number]
const results = join(import.meta.dirname, '../test-results')
const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs')

interface Counts {
  passed: number
  failed: number
  /** One text for each that failed: where it is, its name, and how its message begins. */
  readonly failures: string[]
}

const none = (): Counts => ({ passed: 0, failed: 0, failures: [] })

function add(sum: Counts, more: Counts): void {
  sum.passed += more.passed
  sum.failed += more.failed
  sum.failures.push(...more.failures)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lavapipe: { type: 'boolean', default: false },
    firefox: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    'own-point': { type: 'boolean', default: false },
    counts: { type: 'string' },
    files: { type: 'string', multiple: true, default: [] },
  },
})

const unknown = positionals.find((name) => !(projects as readonly string[]).includes(name))
if (unknown) throw new Error(`there is no test project '${unknown}'; there are ${projects.join(', ')}`)
const chosen = projects.filter((name) => positionals.length === 0 || positionals.includes(name))

const env: NodeJS.ProcessEnv = { ...process.env }
if (values.long) env.OCTAVO_LONG = '1'
if (values['own-point']) env.OCTAVO_OWN_POINT = '1'
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

const total = none()
const summary: string[] = []
// The browsers of e2e wait more than they compute, so those of gpu fill the time.
for (const beside of [['unit'], ['gpu', 'e2e']] as const) {
  const run = async (project: Project) => {
    const startedAt = Date.now()
    const counts = await runProject(project)
    add(total, counts)
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    summary.push(
      `${project.padEnd(4)} ${values.lavapipe ? 'lavapipe' : ''} ${counts.passed} + ${counts.failed} in ${seconds} s`,
    )
  }
  await Promise.all(beside.filter((project) => chosen.includes(project)).map(run))
}
console.log(`\npassed + failed\n${summary.join('\n')}`)
if (values.counts) await writeFile(values.counts, JSON.stringify(total))
else {
  for (const failure of total.failures) console.log(`failed: ${failure}`)
  console.log(`${total.passed} passed, ${total.failed} failed`)
}
process.exitCode = total.failed === 0 ? 0 : 1

async function runProject(project: Project): Promise<Counts> {
  console.log(`\n— ${project} ${values.lavapipe ? 'on lavapipe ' : ''}—`)
  // Most of the time one thread of a browser compiles for a device on the CPU, so two browsers take turns at a quarter of the files.
  const single = values.files.length === 1 && !isFolder(values.files[0]!)
  const shared = project === 'gpu' && !single && availableParallelism() > 1
  const shards = shared ? ['1/4', '2/4', '3/4', '4/4'] : ['1/1']
  const counts = none()
  const takeTurns = async () => {
    for (let shard = shards.shift(); shard !== undefined; shard = shards.shift()) {
      add(counts, await runShard(project, shard))
    }
  }
  await Promise.all(shared ? [takeTurns(), takeTurns()] : [takeTurns()])
  if (counts.passed + counts.failed === 0) {
    counts.failed = 1
    counts.failures.push(`${project}: no test was executed`)
  }
  return counts
}

/** Whether a pattern is a folder of tests, and so of many files. */
function isFolder(pattern: string): boolean {
  return statSync(join(import.meta.dirname, '..', pattern), { throwIfNoEntry: false })?.isDirectory() ?? false
}

async function runShard(project: string, shard: string): Promise<Counts> {
  const name = `${project}-${shard.replace('/', '-of-')}`
  const report = join(results, `${name}.json`)
  await rm(report, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  // Of few files a quarter may have none; `runProject` counts that no test was executed.
  const args = [
    ...[vitest, 'run', '--project', project, '--shard', shard, '--passWithNoTests'],
    ...reporters,
    ...values.files,
  ]
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
  if (error && counts.failed === 0) {
    counts.failed = 1
    counts.failures.push(`${name}: ${error.message}, with no test to blame`)
  }
  return counts
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

/** Counts tests; a file that failed before any of its tests counts as one. */
async function readReport(file: string): Promise<Counts> {
  const counts = none()
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return counts
  for (const { name, status, message, assertionResults } of (JSON.parse(text) as Report).testResults) {
    const where = relative(process.cwd(), name)
    const failed = assertionResults.filter((each) => each.status === 'failed')
    counts.passed += assertionResults.filter((each) => each.status === 'passed').length
    for (const { fullName, failureMessages } of failed) {
      counts.failures.push(`${where}: ${fullName}: ${beginning(failureMessages?.[0] ?? '')}`)
    }
    if (failed.length === 0 && status === 'failed') counts.failures.push(`${where}: ${beginning(message)}`)
  }
  counts.failed = counts.failures.length
  return counts
}

function beginning(message: string): string {
  return message.split('\n').slice(0, 3).join(' ').slice(0, 400)
}
