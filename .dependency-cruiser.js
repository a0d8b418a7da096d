/**
 * Imports point down only (ARCHITECTURE.md, rooms):
 * demo → index → api → worker/protocol; worker → engine → model → kernels → gpu; weights, text and conversations are
 * leaves that worker wires in; util imports nothing; api never imports engine.
 */
const protocol = '^src/worker/(protocol|inspection|error-transfer)\\.ts$'
/** Where the page's side starts the other one: a Web Worker, or the service in the same thread. */
const doors = '^src/worker/(spawn|in-thread)\\.ts$'

/** What each room may import besides itself and util. */
const allowed = {
  demo: ['^src/index\\.ts$'],
  'src/api': [protocol, doors],
  'src/worker': [
    '^src/engine/',
    '^src/model/',
    '^src/gpu/',
    '^src/weights/',
    '^src/text/',
    '^src/conversations/',
  ],
  'src/engine': ['^src/model/'],
  'src/model': ['^src/kernels/', '^src/gpu/'],
  'src/kernels': ['^src/gpu/kernel\\.ts$'],
  'src/gpu': [],
  'src/weights': [],
  'src/text': [],
  'src/conversations': [],
  'src/util': [],
}

const layers = Object.entries(allowed).map(([room, below]) => ({
  name: `${room.replace('src/', '')}-imports-down`,
  severity: 'error',
  from: { path: `^${room}/` },
  to: {
    path: '^(src|demo|test|bench|scripts)/',
    pathNot: [`^${room}/`, ...(room === 'demo' || room === 'src/util' ? [] : ['^src/util/']), ...below],
  },
}))

export default {
  forbidden: [
    ...layers,
    {
      name: 'index-exports-the-api',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/api/', '^src/util/', protocol] },
    },
    {
      name: 'util-imports-nothing',
      severity: 'error',
      from: { path: '^src/util/' },
      to: { pathNot: '^src/util/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '\\?' } },
    {
      name: 'no-dependency-outside-package-json',
      severity: 'error',
      from: { path: '^(src|demo)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], pathNot: '\\?' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'browser', 'types'] },
  },
}
