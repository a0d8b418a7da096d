// Runs before any TypeScript does, so that an old Node says what it lacks instead of failing on syntax it cannot read.
// Plain, old JavaScript.
var parts = process.versions.node.split('.').map(Number)
var major = parts[0]
var minor = parts[1]
if (!((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22)) {
  console.error(
    'Octavo is built with Node 20.19 or later (or 22.12 or later); this is Node ' +
      process.versions.node +
      '.\n' +
      'Install a current Node from https://nodejs.org and run this again.',
  )
  process.exit(1)
}
