import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type PreviewServer, preview } from 'vite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { built, library } from '../../scripts/built.ts'
import { run } from '../../scripts/command.ts'
import { HubServer } from '../support/hub-server.ts'
import { createEngine, firstTokens } from './library-page.ts'
import { tinyRepo } from './model-files.ts'
import { openPage, Profile } from './profile.ts'

const root = join(import.meta.dirname, '../..')

/** An app in a folder of its own, with the packed package and nothing else in its node_modules. */
let app: string
beforeAll(async () => {
  await built(library)
  app = await mkdtemp(join(tmpdir(), 'octavo-app-'))
  const installed = join(app, 'node_modules/octavo')
  await mkdir(installed, { recursive: true })
  await run('npm', ['pack', root, '--silent', '--pack-destination', app])
  const archive = (await readdir(app)).find((name) => name.endsWith('.tgz'))!
  await run('tar', ['-xzf', join(app, archive), '-C', installed, '--strip-components=1'])
})
afterAll(() => rm(app, { recursive: true, force: true }))

it("the package's types serve an app that has no other package", async () => {
  const source = `import { createEngine, type Engine, OctavoError } from 'octavo'
    const engine: Engine = await createEngine({ model: 'owner/name', onProgress: ({ loadedBytes }) => loadedBytes })
    const stream = await engine.chat.completions.create({ messages: [{ role: 'user', content: 'Hi' }], stream: true })
    for await (const chunk of stream) (chunk.choices[0]?.delta.content ?? '').length
    await engine.unload().catch((error) => error instanceof OctavoError && error.remedy)
    // @ts-expect-error: an option that there is not
    await createEngine({ modle: 'owner/name' })`
  await writeFile(join(app, 'app.ts'), source)
  await writeFile(join(app, 'package.json'), '{ "type": "module" }')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  for (const kind of ['bundler', 'nodenext']) {
    const module = kind === 'bundler' ? 'esnext' : kind
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,dom,dom.asynciterable']
    const args = [tsc, ...options, '--module', module, '--moduleResolution', kind, 'app.ts']
    expect(() => execFileSync(process.execPath, args, { cwd: app, encoding: 'utf8' })).not.toThrow()
  }
})

it("an app's bundler takes the worker and the shaders along without configuration", async () => {
  await writeFile(join(app, 'index.html'), page('./main.js'))
  await writeFile(join(app, 'main.js'), "import * as octavo from 'octavo'\nglobalThis.octavo = octavo\n")
  await build({ root: app, configFile: false, logLevel: 'silent', base: '/some/folder/' })
  const server = await preview({
    root: app,
    configFile: false,
    logLevel: 'silent',
    base: '/some/folder/',
    preview: { port: 0 },
  })
  await answersOn(server)
})

function page(script: string): string {
  return `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>An app</title>
    <script type="module" src="${script}"></script></html>`
}

async function answersOn(server: PreviewServer): Promise<void> {
  const hub = await HubServer.start({ repos: [await tinyRepo()] })
  const profile = await Profile.create()
  try {
    const { page, complaints } = await openPage(await profile.open(), server.resolvedUrls!.local[0]!)
    await page.waitForFunction(() => 'octavo' in globalThis)
    await createEngine(page, hub.endpoint)
    expect(await firstTokens(page)).toHaveLength(4)
    expect(complaints).toEqual([])
  } finally {
    await profile.delete()
    await server.close()
    await hub.close()
  }
}
