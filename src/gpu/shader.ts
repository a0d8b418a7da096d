import type { Kernel, KernelVariant } from './kernel'
import { link } from './link'
import { shaderFile } from './shader-files'

/**
 * That a value is read from another lane where not all lanes may be is for the kernels to avoid: the check cannot know
 * that a branch depends on constants only.
 */
const subgroupDirectives = 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);'

type AnyKernel = Pick<Kernel, 'shader' | 'bindings' | 'params' | 'constants' | 'conditions'>

/** The WGSL that a record stands for: constants, params and storage buffers, one per line. */
function declarations(kernel: AnyKernel, variant: KernelVariant): { text: string; names: string[] } {
  const lines: string[] = []
  const names: string[] = []
  for (const name of kernel.constants) {
    const value = variant.constants[name]
    if (value === undefined) throw new Error(`${kernel.shader}: constant ${name} has no value`)
    lines.push(`const ${name}: u32 = ${value}u;`)
    names.push(name)
  }
  for (const [name, value] of Object.entries(variant.moduleConstants ?? {})) {
    lines.push(`const ${name}: u32 = ${value}u;`)
  }
  for (const name of kernel.conditions ?? []) {
    lines.push(`const ${name}: bool = ${variant.conditions?.[name] ?? false};`)
    names.push(name)
  }
  Object.entries(kernel.bindings).forEach(([name, binding], i) => {
    const { access, element, shape } = binding
    lines.push(
      `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${element}>; // [${shape.join(', ')}]`,
    )
    names.push(name)
  })
  const params = Object.entries(kernel.params)
  if (params.length > 0) {
    const fields = params.map(([name, type]) => `${name}: ${type}`).join(', ')
    lines.push(`struct Params { ${fields} }`)
    lines.push(`@group(0) @binding(${Object.keys(kernel.bindings).length}) var<uniform> params: Params;`)
    names.push('params')
  }
  return { text: `${lines.join('\n')}\n`, names }
}

/**
 * Links a kernel's shader with the declarations that its record stands for and the modules it imports.
 * What the record declares is visible in the shader by its bare name and to `lib/` as `package::bindings::NAME`.
 */
export async function linkShader(kernel: AnyKernel, variant: KernelVariant): Promise<string> {
  const { text, names } = declarations(kernel, variant)
  const modules = async (name: string): Promise<string> => {
    if (name === 'bindings') return text
    if (name !== 'main') return shaderFile(variant.modules?.[name] ?? name.replaceAll('::', '/'))
    return `import package::bindings::{${names.join(', ')}};\n${await shaderFile(kernel.shader)}`
  }
  const linked = await link('main', modules, variant.conditions ?? {})
  return variant.conditions?.subgroups ? `${subgroupDirectives}\n${linked}` : linked
}
