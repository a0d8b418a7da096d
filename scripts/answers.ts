import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { answersModules } from '../test/reference/known_answers.ts'

/** npm run answers: writes what kernels must give for the known cases of the self-proof, by the twins. */
for (const [file, text] of answersModules()) {
  const path = `src/model/proof/${file}`
  await writeFile(path, text)
  execFileSync('npx', ['biome', 'check', '--write', path], { stdio: 'inherit' })
}
