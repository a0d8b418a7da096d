import { writeFile } from 'node:fs/promises'
import { type Profiler, Session } from 'node:inspector/promises'

export interface FunctionShare {
  readonly name: string
  readonly file: string
  /** Of the time that was sampled; the function itself, without what it calls. */
  readonly share: number
}

const samplingMicroseconds = 100

/** Runs something under V8's profiler. Functions by the time spent in each, most first; the profile goes to the file. */
export async function profile(
  run: () => Promise<void>,
  file: string | undefined,
): Promise<readonly FunctionShare[]> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: samplingMicroseconds })
  await session.post('Profiler.start')
  await run()
  const { profile: taken } = await session.post('Profiler.stop')
  session.disconnect()
  if (file) await writeFile(file, JSON.stringify(taken))
  return functionShares(taken)
}

/** Samples of the profiler's own calls, which take long, are left out. */
function functionShares({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): FunctionShare[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const own = new Set<number>()
  for (const { id, callFrame, children = [] } of nodes) {
    if (callFrame.url === 'node:inspector') own.add(id)
    if (own.has(id)) for (const child of children) own.add(child)
  }
  const functions = new Map<string, { name: string; file: string; microseconds: number }>()
  let all = 0
  samples.forEach((id, i) => {
    if (own.has(id)) return
    const { functionName, url } = frames.get(id)!
    const [name, file] = [functionName || '(anonymous)', url.slice(url.lastIndexOf('/') + 1)]
    const entry = functions.get(`${name} ${file}`) ?? { name, file, microseconds: 0 }
    entry.microseconds += timeDeltas[i] ?? 0
    all += timeDeltas[i] ?? 0
    functions.set(`${name} ${file}`, entry)
  })
  return [...functions.values()]
    .map(({ name, file, microseconds }) => ({ name, file, share: microseconds / all }))
    .sort((a, b) => b.share - a.share)
}
