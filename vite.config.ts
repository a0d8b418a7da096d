import { resolve } from 'node:path'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { digest } from './scripts/built.ts'
import { leanShaders } from './scripts/lean-shaders.ts'
import { movableParts, partFiles, partUrls } from './scripts/library-parts.ts'
import { type Adapter, chromiumOptions, testAdapter } from './test/support/browser.ts'
import { firefox } from './test/support/firefox.ts'
import { ownTemporaryFiles } from './test/support/temporary-files.ts'
import { serveTestFiles } from './test/support/test-files.ts'

const src = (path: string) => resolve(import.meta.dirname, path)

/** Relative, so that the built library finds its worker beside itself wherever it is served from. */
const base = './'
const workerParts = partFiles('core')
const worker = {
  format: 'es' as const,
  plugins: () => [leanShaders(), workerParts.plugin],
  rollupOptions: {
    preserveEntrySignatures: 'allow-extension' as const,
    output: {
      entryFileNames: 'worker.js',
      chunkFileNames: 'worker-[name].js',
      codeSplitting: workerParts.codeSplitting,
    },
  },
}
const serviceParts = partFiles('service')
const alias = { octavo: src('src/index.ts') }

/** What the choice of kernels' variants is kept under: another library may choose, or prove, otherwise. */
const sources = { 'import.meta.env.OCTAVO_SOURCES': JSON.stringify(await digest(['src', 'shaders'])) }

declare module 'vitest' {
  /** What a test in a browser learns of its run by `inject`, since it has no environment variables. */
  interface ProvidedContext {
    /** Every prompt of the reference data, however long: `npm run test:long`. */
    long: boolean
    /** Only the variants that the adapter would choose itself. */
    ownPoint: boolean
    /** OCTAVO_GOLDEN names a folder with all reference data, which is served as /shared-golden/. */
    allGolden: boolean
    /** The software adapter, which says how much a test can ask for. */
    adapter: Adapter
  }
}

/** Modes: `library` builds dist/, `demo` builds dist-demo/; without one, tests and the development server. */
export default defineConfig(({ mode }) => {
  if (mode === 'library') {
    return {
      base,
      define: sources,
      worker: { ...worker, plugins: () => [...worker.plugins(), movableParts()] },
      plugins: [leanShaders(), serviceParts.plugin, partUrls()],
      publicDir: false,
      build: {
        target: 'es2022',
        minify: true,
        sourcemap: true,
        license: { fileName: 'LICENSES.md' },
        lib: { entry: src('src/index.ts'), formats: ['es'], fileName: () => 'index.js' },
        // Vite leaves white space in libraries, for bundlers; pages load this one as it is.
        rolldownOptions: {
          preserveEntrySignatures: 'allow-extension',
          output: {
            minify: true,
            chunkFileNames: '[name].js',
            codeSplitting: serviceParts.codeSplitting,
          },
        },
      },
    }
  }
  if (mode === 'demo') {
    return {
      base,
      define: sources,
      worker,
      plugins: [leanShaders()],
      root: src('demo'),
      resolve: { alias },
      build: {
        target: 'es2022',
        outDir: src('dist-demo'),
        emptyOutDir: true,
        sourcemap: true,
        license: { fileName: 'LICENSES.md' },
      },
    }
  }
  ownTemporaryFiles()
  return {
    cacheDir: src(`node_modules/.vite/${process.env.OCTAVO_CACHE ?? 'tests'}`),
    resolve: { alias },
    worker,
    test: {
      projects: [
        {
          extends: true,
          test: {
            name: 'unit',
            environment: 'node',
            include: ['test/unit/**/*.test.ts'],
            setupFiles: ['test/support/fetch-all-parts.ts'],
            testTimeout: 30_000,
          },
        },
        {
          extends: true,
          plugins: [serveTestFiles()],
          // Found at the first import otherwise, which reloads the page under a running test.
          optimizeDeps: {
            include: [
              '@huggingface/jinja',
              '@huggingface/tokenizers',
              '@noble/hashes/sha2.js',
              'comlink',
              'idb-keyval',
            ],
          },
          test: {
            name: 'gpu',
            include: ['test/gpu/**/*.test.ts'],
            setupFiles: ['test/support/fetch-all-parts.ts'],
            fileParallelism: false,
            testTimeout: 600_000,
            hookTimeout: 600_000,
            provide: {
              long: process.env.OCTAVO_LONG === '1',
              ownPoint: process.env.OCTAVO_OWN_POINT === '1',
              allGolden: Boolean(process.env.OCTAVO_GOLDEN),
              adapter: testAdapter(),
            },
            browser: {
              enabled: true,
              headless: true,
              screenshotFailures: false,
              ...(process.env.OCTAVO_BROWSER === 'firefox'
                ? { provider: firefox(), instances: [{ browser: 'firefox' as const }] }
                : {
                    provider: playwright({ launchOptions: chromiumOptions() }),
                    instances: [{ browser: 'chromium' as const }],
                  }),
            },
          },
        },
        {
          extends: true,
          test: {
            name: 'e2e',
            environment: 'node',
            include: ['test/e2e/**/*.test.ts'],
            fileParallelism: false,
            testTimeout: 600_000,
            hookTimeout: 600_000,
          },
        },
      ],
    },
  }
})
