import { gridTables } from '../kernels/weights/iq'
import { LazyPart } from '../util/lazy-part'

/** What most models do without: `fetchParts` fetches it before a model that needs it is described, and a load what it needs
 * on a device that is not known yet. */
export const lazyParts = {
  families: new LazyPart('more families of models', () => import('./families/others')),
  quantized: new LazyPart('quantized safetensors', () => import('./quantized/read-quantization')),
  recurrent: new LazyPart('layers with a state', () => import('./parts/recurrent')),
  experts: new LazyPart('mixtures of experts', () => import('./parts/experts')),
  latent: new LazyPart('latent attention', () => import('./parts/latent')),
  altUp: new LazyPart('streams that layers predict', () => import('./parts/alt-up')),
  laurel: new LazyPart('low-rank parts', () => import('./parts/laurel')),
  layerInputs: new LazyPart('inputs of layers', () => import('./parts/layer-inputs')),
  proof: new LazyPart('cases with known answers', () => import('./proof/prove')),
  rareCases: new LazyPart('cases of rare kernels', () => import('./proof/rare/cases')),
  tuner: new LazyPart('timing variants of kernels', () => import('./tuner')),
  gridTables,
  vectorSettings: new LazyPart('models that read whole texts', () => import('./vector-settings')),
  pooled: new LazyPart('models that read whole texts', () => import('./parts/pooled')),
}

/** All of them, for tests and tools that go past `fetchParts`. */
export async function fetchAllParts(): Promise<void> {
  await Promise.all(Object.values(lazyParts).map((part) => part.fetch()))
}
