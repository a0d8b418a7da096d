/** A scalar of a kernel's params. */
export type ParamType = 'u32' | 'f32'

/** What a storage buffer holds, as WGSL names it. */
export type ElementType = 'u32' | 'f32' | 'vec4u' | 'vec4f' | 'atomic<u32>'

export interface Binding {
  readonly access: 'read' | 'read_write'
  readonly element: ElementType
  /** Names of the dimensions, outermost first, for readers and for `npm run shaders`. */
  readonly shape: readonly string[]
}

/** One storage buffer of a kernel. */
export function storage(access: Binding['access'], element: ElementType, shape: readonly string[]): Binding {
  return { access, element, shape }
}

export type Grid = readonly [x: number, y: number, z: number]

/**
 * A kernel as data: what it binds, what it is told, how many workgroups a shape takes. Knows shapes, never a device.
 *
 * `Shape` holds the numbers that `grid` and `bytes` depend on, `Constants` those that are compiled into the shader.
 */
export interface Kernel<
  Shape = never,
  Bindings extends Record<string, Binding> = Record<string, Binding>,
  Params extends Record<string, ParamType> = Record<string, ParamType>,
  Constants extends string = string,
> {
  /** Basename of the WGSL file in `shaders/`. */
  readonly shader: string
  readonly bindings: Bindings
  readonly params: Params
  /** Names of numbers that are compiled in as `const NAME: u32`. */
  readonly constants: readonly Constants[]
  /** Names of switches for `@if(...)`; also visible as `const NAME: bool`. */
  readonly conditions?: readonly string[]
  readonly grid: (shape: Shape, constants: Readonly<Record<Constants, number>>) => Grid
  /** Bytes of storage that the dispatch walks: every element read or written, counted once a dispatch. */
  readonly bytes: (shape: Shape, constants: Readonly<Record<Constants, number>>) => number
}

/** Checks a record's type and gives it back. */
export function kernel<
  Shape,
  const Bindings extends Record<string, Binding>,
  const Params extends Record<string, ParamType>,
  const Constants extends string,
>(record: Kernel<Shape, Bindings, Params, Constants>): Kernel<Shape, Bindings, Params, Constants> {
  return record
}

/** A kernel with its constants and conditions filled in: one compiled pipeline. */
export interface KernelVariant {
  readonly constants: Readonly<Record<string, number>>
  readonly conditions?: Readonly<Record<string, boolean>>
  /** Shader modules that stand in for a name: `{ weights: 'weights/q4_1' }` makes `package::weights` that file. */
  readonly modules?: Readonly<Record<string, string>>
  /** Numbers of those modules, compiled in as `const NAME: u32`. */
  readonly moduleConstants?: Readonly<Record<string, number>>
}

/** Params as the uniform buffer holds them; the struct is padded to 16 bytes. */
export function packParams(
  params: Readonly<Record<string, ParamType>>,
  values: Readonly<Record<string, number>>,
): ArrayBuffer {
  const names = Object.keys(params)
  const view = new DataView(new ArrayBuffer(Math.max(16, Math.ceil(names.length / 4) * 16)))
  names.forEach((name, i) => {
    const value = values[name]
    if (value === undefined) throw new Error(`param ${name} has no value`)
    if (params[name] === 'u32') view.setUint32(4 * i, value, true)
    else view.setFloat32(4 * i, value, true)
  })
  return view.buffer
}
