import { LazyPart } from '../util/lazy-part'

/** Texts of shaders, by paths that end in those below `shaders/`. */
export type ShaderFiles = Readonly<Record<string, string>>

/** Those that every model may need. */
export const shaderTexts: ShaderFiles = import.meta.glob(
  [
    '../../shaders/**/*.wgsl',
    '!../../shaders/ssm_scan.wgsl',
    '!../../shaders/delta_scan.wgsl',
    '!../../shaders/causal_conv.wgsl',
    '!../../shaders/gated_norm.wgsl',
    '!../../shaders/lib/chunks.wgsl',
    '!../../shaders/lib/gates.wgsl',
    '!../../shaders/route.wgsl',
    '!../../shaders/tile_experts.wgsl',
    '!../../shaders/combine_experts.wgsl',
    '!../../shaders/alt_up_predict.wgsl',
    '!../../shaders/alt_up_correct.wgsl',
    '!../../shaders/match_magnitude.wgsl',
    '!../../shaders/cutoff.wgsl',
    '!../../shaders/rescale.wgsl',
    '!../../shaders/lib/modalities.wgsl',
    '!../../shaders/pool.wgsl',
    '!../../shaders/**/int8_*.wgsl',
    '!../../shaders/half_rows.wgsl',
    '!../../shaders/lib/integers.wgsl',
    '!../../shaders/weights/iq1.wgsl',
    '!../../shaders/weights/iq2.wgsl',
    '!../../shaders/weights/iq4.wgsl',
    '!../../shaders/weights/q2_0.wgsl',
    '!../../shaders/weights/tq1_0.wgsl',
    '!../../shaders/lib/code_tables.wgsl',
    '!../../shaders/weights/affine.wgsl',
    '!../../shaders/repack/codes.wgsl',
    '!../../shaders/repack/quantize.wgsl',
    '!../../shaders/repack/narrow.wgsl',
    '!../../shaders/lib/floats.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
)

/** Those that most models do without, which are fetched when one is linked. */
const lazyFiles: readonly (readonly [path: RegExp, part: LazyPart<{ readonly files: ShaderFiles }>])[] = [
  [
    /\/(ssm_scan|delta_scan|causal_conv|gated_norm|lib\/chunks|lib\/gates)\.wgsl$/,
    new LazyPart('layers with a state', () => import('./shaders/recurrent')),
  ],
  [
    /\/(route|tile_experts|combine_experts)\.wgsl$/,
    new LazyPart('mixtures of experts', () => import('./shaders/experts')),
  ],
  [
    /\/(alt_up_predict|alt_up_correct|match_magnitude|cutoff|rescale|lib\/modalities)\.wgsl$/,
    new LazyPart('several residual streams', () => import('./shaders/streams')),
  ],
  [
    /\/(int8_\w+|half_rows|lib\/integers)\.wgsl$/,
    new LazyPart('products of rounded rows', () => import('./shaders/integers')),
  ],
  [/\/(pool)\.wgsl$/, new LazyPart('models that read whole texts', () => import('./shaders/encoders'))],
  [
    /\/(weights\/iq1|weights\/iq2|weights\/iq4|weights\/q2_0|weights\/tq1_0|lib\/code_tables)\.wgsl$/,
    new LazyPart('weights that index tables', () => import('./shaders/tables')),
  ],
  [
    /\/(weights\/affine|repack\/codes|repack\/quantize|repack\/narrow|lib\/floats)\.wgsl$/,
    new LazyPart('safetensors', () => import('./shaders/safetensors')),
  ],
]

/** The text of `shaders/NAME.wgsl`. */
export async function shaderFile(name: string): Promise<string> {
  const path = `/${name}.wgsl`
  const part = lazyFiles.find(([paths]) => paths.test(path))?.[1]
  const among = part ? (await part.fetch()).files : shaderTexts
  const found = Object.entries(among).find(([each]) => each.endsWith(`/shaders${path}`))
  if (!found) throw new Error(`there is no shader ${name}`)
  return found[1]
}
