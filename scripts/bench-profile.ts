import { parseArgs } from 'node:util'
import { importBench, nodeGpu, nodeModel, nodeName } from '../bench/in-node.ts'
import { reportTable } from '../bench/report.ts'
import { lavapipeVariables } from './lavapipe.ts'
import { precisionNamed } from './precision-named.ts'

/**
 * npm run bench:profile -- [--lavapipe] [--precision exact] [--prompt 128] [--decode 32] [--json FILE]
 *
 * Where the time goes, kernel by kernel: `engine.profile()` with the tests' model, in this process, where the GPU's clock
 * is not rounded.
 */
const { values } = parseArgs({
  options: {
    lavapipe: { type: 'boolean', default: false },
    precision: { type: 'string', default: 'exact' },
    prompt: { type: 'string', default: '128' },
    decode: { type: 'string', default: '32' },
    json: { type: 'string' },
  },
})
if (values.lavapipe) Object.assign(process.env, lavapipeVariables())
const gpu = nodeGpu(process.env.VK_ICD_FILENAMES ?? null)
const { profileModel, profileRows } = await importBench<typeof import('../bench/profile.ts')>('profile.ts')
const run = {
  precision: precisionNamed(values.precision),
  promptTokens: Number(values.prompt),
  tokens: Number(values.decode),
}
const figures = await profileModel({ gpu, model: await nodeModel(), ...run })
await reportTable({ browser: nodeName(), figures }, figures.profile.phases.map(profileRows), values.json)
// Dawn's threads keep the process.
process.exit(0)
