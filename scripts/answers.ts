import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { answersModule } from '../test/reference/known_answers.ts'

/** npm run answers: writes what kernels must give for the known cases of the self-proof, by the twins. */
const path = 'src/model/proof/known-answers.ts'
await writeFile(path, answersModule())
execFileSync('npx', ['biome', 'check', '--write', path], { stdio: 'inherit' })
