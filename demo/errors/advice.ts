import type { ErrorCode } from 'octavo'

/** What a button under an error does. */
export type AdviceAction =
  | 'retry'
  | 'load-again'
  | 'smaller-model'
  | 'default-model'
  | 'choose-model'
  | 'enter-token'
  | 'settings'
  | 'new-chat'

/** An error as the page tells it; the error's own message is the why. */
export interface Advice {
  /** What happened. */
  readonly title: string
  /** The one thing to do. */
  readonly remedy: string
  readonly action: { readonly kind: AdviceAction; readonly label: string } | null
}

/** What the page knows around an error. */
export interface Circumstances {
  /** The error's own remedy. */
  readonly remedy: string
  readonly online: boolean
  /** How to get WebGPU here. */
  readonly webGpuHelp: string
  /** A model to offer where this one is too large: its name and size. */
  readonly smaller: string | null
  readonly isDefaultModel: boolean
  /** Names of models that lie on this device. */
  readonly onDevice: readonly string[]
  /** The model answers still. */
  readonly isLoaded: boolean
}

const retry = { kind: 'retry', label: 'Try again' } as const
const loadAgain = { kind: 'load-again', label: 'Load again' } as const
const chooseModel = { kind: 'choose-model', label: 'Choose another model' } as const

/** Whether after such an error the engine answers nothing more. */
export function losesEngine(code: ErrorCode): boolean {
  return code === 'device-lost' || code === 'worker-died' || code === 'unloaded'
}

export function advise(code: ErrorCode, around: Circumstances): Advice {
  const { remedy } = around
  switch (code) {
    case 'no-webgpu':
      return { title: 'This browser does not offer WebGPU', remedy: around.webGpuHelp, action: null }
    case 'no-adapter':
      return { title: 'No GPU can be used', remedy, action: retry }
    case 'limits-too-small':
      return tooLarge('The model is more than this GPU allows', around)
    case 'gpu-out-of-memory':
      return tooLarge('The GPU has too little memory', around)
    case 'disk-full':
      return { title: 'There is too little room on this device', remedy, action: retry }
    case 'device-lost':
      return { title: 'The browser took the GPU away', remedy, action: loadAgain }
    case 'worker-died':
      return {
        title: 'The model stopped working',
        remedy:
          'Load it again; its weights are still on this device. If it happens again, the device may have too little memory.',
        action: loadAgain,
      }
    case 'unloaded':
      return {
        title: 'The model is no longer loaded',
        remedy: 'Load it again; this takes a moment.',
        action: loadAgain,
      }
    case 'malformed-file':
      return { title: 'The model’s file is damaged', remedy, action: otherModel(around) }
    case 'unsupported-architecture':
    case 'unsupported-tensor-type':
    case 'unsupported-tokenizer':
      return { title: 'This model cannot be used here', remedy, action: otherModel(around) }
    case 'not-found':
      return { title: 'The model was not found', remedy, action: chooseModel }
    case 'invalid-option':
      return { title: 'A setting is not right', remedy, action: { kind: 'settings', label: 'Open settings' } }
    case 'unauthorized':
      return {
        title: 'The Hub did not give access',
        remedy,
        action: { kind: 'enter-token', label: 'Enter an access token' },
      }
    case 'network':
      return around.online ? { title: 'The download failed', remedy, action: retry } : offline(around)
    case 'context-too-long':
      return {
        title: 'The conversation is longer than the model can read',
        remedy: 'Begin a new chat; this one stays in the list.',
        action: { kind: 'new-chat', label: 'New chat' },
      }
    case 'queue-full':
      return { title: 'The model is busy', remedy: 'Wait until another answer has ended.', action: retry }
    case 'invalid-request':
    case 'unsupported-field':
      return { title: 'The model could not take this question', remedy, action: retry }
    case 'no-storage':
    case 'conversation-mismatch':
    case 'conversation-too-large':
      return { title: 'The chat could not be kept ready', remedy, action: null }
    case 'aborted':
      return { title: 'It was stopped', remedy, action: retry }
    case 'internal':
      return { title: 'Something went wrong', remedy, action: around.isLoaded ? retry : loadAgain }
  }
}

function tooLarge(title: string, { smaller, remedy }: Circumstances): Advice {
  if (smaller === null) return { title, remedy, action: retry }
  return {
    title,
    remedy: `A smaller model may fit: ${smaller}.`,
    action: { kind: 'smaller-model', label: 'Load the smaller model' },
  }
}

function otherModel({ isDefaultModel }: Circumstances): Advice['action'] {
  return isDefaultModel ? retry : { kind: 'default-model', label: 'Use the default model' }
}

function offline({ onDevice }: Circumstances): Advice {
  return {
    title: 'You are offline',
    remedy:
      onDevice.length === 0
        ? 'Your conversations can still be read. Connect to the internet to load the model once; after that it works offline.'
        : `Your conversations can still be read, and what lies on this device still loads: ${onDevice.join('; ')}.`,
    action: retry,
  }
}
