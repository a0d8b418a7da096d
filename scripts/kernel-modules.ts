/** Every module of kernel records, by path; read through Vite, as the shaders are. */
export const kernelModules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = import.meta.glob(
  '../src/kernels/*.ts',
  { eager: true },
)
