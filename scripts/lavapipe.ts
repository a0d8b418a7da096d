import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Sets up lavapipe where it is not yet, and gives the variables that make Chromium run on it. */
export function lavapipeVariables(): Record<string, string> {
  const root = join(import.meta.dirname, '..')
  const script = join(root, 'scripts/lavapipe/setup.sh')
  const said = execFileSync('bash', [script, join(root, '.lavapipe')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const variables: Record<string, string> = {}
  for (const [, name, value] of said.matchAll(/^export (\w+)='(.*)'$/gm)) variables[name!] = value!
  return variables
}
