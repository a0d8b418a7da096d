import type { ModelInspection } from 'octavo'
import { formatBytes, formatCount, formatParameters } from '../quantities'
import { type ModelChoice, modelTitle } from './model-choice'

/** Name and value of what is known of a model before it is loaded. The texts are its uploader's. */
export type Fact = readonly [name: string, value: string]

/** @param found null until its file has been looked at */
export function modelFacts(choice: ModelChoice, found: ModelInspection | null): readonly Fact[] {
  if (!found) {
    return [
      ['Model', modelTitle(choice)],
      [
        'Size',
        choice.bytes === null ? 'shown once its file has been read' : downloadSize(choice, choice.bytes),
      ],
      ['Licence', choice.license ?? 'as its publisher says'],
    ]
  }
  const { model, features, gpu, files, downloadBytes } = found
  const can = [
    features.chat ? 'chat' : null,
    features.tools ? 'tools' : null,
    features.reasoning ? 'thinking before it answers' : null,
    features.embeddings ? 'embeddings' : null,
    features.rerank ? 'ranking texts' : null,
  ].filter((each) => each !== null)
  const kind = [model.architecture, `${formatParameters(model.parameters)} parameters`, model.quantization]
  const pieces = files.length > 1 ? ` in ${files.length} files` : ''
  return [
    ['Model', modelTitle(choice)],
    ['Kind', kind.filter((each) => each !== '').join(', ')],
    ['Size', downloadSize(choice, downloadBytes) + pieces],
    ...(gpu
      ? ([
          ['On the GPU', formatBytes(gpu.bytes)],
          ['Context', `${formatCount(gpu.contextTokens)} tokens`],
        ] as const)
      : []),
    ['Made for', can.length > 0 ? can.join(', ') : 'continuing texts'],
    ['Licence', model.licence ?? choice.license ?? 'as its publisher says'],
  ]
}

function downloadSize({ model }: ModelChoice, bytes: number): string {
  return typeof model === 'string' ? `${formatBytes(bytes)}, downloaded once` : formatBytes(bytes)
}

/** The largest quantization of the same repo that would run here, where this one would not; null where none would. */
export function fittingChoice(
  choice: ModelChoice,
  { fits, quantizations }: ModelInspection,
): ModelChoice | null {
  const fitting = fits ? undefined : quantizations.findLast((each) => each.fits)
  return fitting ? { ...choice, model: fitting.reference, bytes: fitting.bytes } : null
}
