import { openAsBlob } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { create } from 'webgpu'
import { testModel } from '../scripts/model.ts'
import { startLoader } from './vite-server.ts'

/** A GPU of this machine in this process, by the package webgpu; `icd` names the Vulkan driver, null: the system's. */
export function nodeGpu(icd: string | null): GPU {
  // Read once, when the first adapter is asked for.
  if (icd !== null) process.env.VK_ICD_FILENAMES = icd
  // Timestamps are rounded to 0.1 ms otherwise.
  const toggles = ['enable-dawn-features=allow_unsafe_apis', 'disable-dawn-features=timestamp_quantization']
  return create(toggles)
}

/** Name and version of what runs WebGPU. */
export function nodeName(): string {
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string }
  return `Node ${process.versions.node}, webgpu ${version}`
}

/** The model that the tests use, as a file that a person would have picked. */
export async function nodeModel(): Promise<File> {
  const { file } = await testModel()
  return new File([await openAsBlob(file)], basename(file))
}

/** Imports a module of bench/ through Vite. */
export async function importBench<Module>(path: string): Promise<Module> {
  const vite = await startLoader()
  return (await vite.ssrLoadModule(`/bench/${path}`)) as Module
}
