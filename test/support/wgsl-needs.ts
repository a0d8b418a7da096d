/** What a shader takes of a device. */
interface ShaderNeeds {
  readonly storageBuffers: number
  /** Of variables in workgroup memory. */
  readonly workgroupBytes: number
  /** Lanes of a workgroup. */
  readonly invocations: number
}

const declaration = /\b(const|override)\s+(\w+)\s*(?::\s*\w+\s*)?=\s*([^;]+);/g
const sharedVariable = /var<workgroup>\s+\w+\s*:\s*([^;]+);/g
const structure = /struct\s+(\w+)\s*\{([^}]*)\}/g

/** Reads them off linked WGSL, whose sizes are constant expressions of whole numbers. */
export function shaderNeeds(code: string): ShaderNeeds {
  const text = code.replace(/\/\/.*/g, '')
  const constants = new Map(
    [...text.matchAll(declaration)].map(([, , name, value]) => [name!, value!.trim()]),
  )
  const structures = new Map([...text.matchAll(structure)].map(([, name, fields]) => [name!, fields!]))
  const number = (expression: string): number => evaluated(expression, constants)
  const bytes = (type: string): number => {
    if (type.startsWith('array<')) {
      const [element, count] = split(type.slice('array<'.length, -1))
      if (count === undefined) throw new Error(`${type} has no length`)
      return bytes(element!) * number(count)
    }
    const scalar = /^(atomic<)?(u32|i32|f32|bool)>?$/.test(type)
    if (scalar) return 4
    const vector = /^vec([234])(f|u|i|<\w+>)$/.exec(type)
    if (vector) return vector[1] === '2' ? 8 : 16
    const fields = structures.get(type)
    if (fields === undefined) throw new Error(`what ${type} takes is not known`)
    return split(fields)
      .filter((field) => field.includes(':'))
      .reduce((sum, field) => sum + bytes(field.split(':')[1]!.trim()), 0)
  }
  const [, size] = /@workgroup_size\(([^)]*)\)/.exec(text) ?? []
  if (size === undefined) throw new Error('the shader has no @workgroup_size')
  return {
    storageBuffers: [...text.matchAll(/var<storage/g)].length,
    workgroupBytes: [...text.matchAll(sharedVariable)].reduce(
      (sum, [, type]) => sum + bytes(type!.trim()),
      0,
    ),
    invocations: split(size).reduce((product, part) => product * number(part), 1),
  }
}

/** At commas outside of brackets. */
function split(list: string): string[] {
  const parts = ['']
  let depth = 0
  for (const letter of list) {
    if ('(<'.includes(letter)) depth += 1
    if (')>'.includes(letter)) depth -= 1
    if (letter === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += letter
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

/** A constant expression: of u32 as of bool, which JavaScript's numbers hold. */
function evaluated(expression: string, constants: ReadonlyMap<string, string>): number {
  const text = expression.replace(/\b(0x[\da-f]+|\d+)u\b/g, '$1').replace(/\bu32\b/g, 'Number')
  const names = [...new Set(text.match(/\b[A-Za-z_]\w*\b/g) ?? [])].filter((name) => constants.has(name))
  const values = names.map((name) => evaluated(constants.get(name)!, constants))
  const functions = {
    select: (no: number, yes: number, which: boolean) => (which ? yes : no),
    min: Math.min,
    max: Math.max,
  }
  const parameters = [...Object.keys(functions), ...names]
  // Division of whole numbers rounds down.
  const compute = new Function(...parameters, `return (${text})`)
  const value = compute(...Object.values(functions), ...values)
  return typeof value === 'number' ? Math.floor(value) : value
}
