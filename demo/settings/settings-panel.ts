import { byId } from '../element'
import type { Observable } from '../observable'
import type { AccessToken } from './access-token'
import { defaultSettings, lengthWords, type Settings, temperatureWords } from './settings'

export interface SettingsHooks {
  /** The person wants the model that the settings now name. */
  readonly onLoad: () => void
  readonly onPickFile: () => void
  /** Where the model in use comes from, null for the public Hub: whom a token belongs to. */
  readonly endpoint: () => string | null
}

/** The settings: plain words with the effect beside them, applied at once. */
export class SettingsPanel {
  readonly #dialog = byId('settings', HTMLDialogElement)
  readonly #settings: Observable<Settings>
  readonly #token: AccessToken
  readonly #hooks: SettingsHooks
  readonly #systemPrompt = byId('system-prompt', HTMLTextAreaElement)
  readonly #temperature = byId('temperature', HTMLInputElement)
  readonly #length = byId('length', HTMLSelectElement)
  readonly #keepReady = byId('keep-ready', HTMLInputElement)
  readonly #model = byId('model-reference', HTMLInputElement)
  readonly #endpoint = byId('endpoint', HTMLInputElement)
  readonly #tokenText = byId('token', HTMLInputElement)
  readonly #keepToken = byId('keep-token', HTMLInputElement)

  constructor(settings: Observable<Settings>, token: AccessToken, hooks: SettingsHooks) {
    this.#settings = settings
    this.#token = token
    this.#hooks = hooks
    this.#dialog.addEventListener('input', () => this.#read())
    this.#dialog.addEventListener('click', ({ target }) => {
      if (target === this.#dialog) this.#dialog.close()
    })
    for (const field of [this.#tokenText, this.#keepToken]) {
      field.addEventListener('change', () => this.#enterToken())
    }
    this.#onClick('close-settings', () => this.#dialog.close())
    this.#onClick('reset-settings', () => {
      const { model, endpoint } = this.#settings.value
      settings.set({ ...defaultSettings, model, endpoint })
    })
    this.#onClick('pick-file', () => {
      this.#dialog.close()
      hooks.onPickFile()
    })
    byId('model-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault()
      this.#read()
      this.#enterToken()
      this.#dialog.close()
      hooks.onLoad()
    })
    settings.watch((value) => this.#show(value))
  }

  /** @param field the id of what is to have the focus. */
  open(field: 'model-reference' | 'token' | null = null): void {
    this.#show(this.#settings.value)
    const endpoint = this.#hooks.endpoint()
    this.#tokenText.value = this.#token.for(endpoint) ?? ''
    byId('token-effect', HTMLElement).textContent =
      `For private and gated models. It is sent to ${endpoint ?? 'huggingface.co'} and nowhere else.`
    this.#keepToken.checked = this.#token.isKept
    this.#dialog.showModal()
    if (field === null) return
    byId('model-fields', HTMLDetailsElement).open = true
    byId(field, HTMLInputElement).focus()
  }

  #onClick(id: string, act: () => void): void {
    byId(id, HTMLButtonElement).addEventListener('click', act)
  }

  #read(): void {
    const scheme = this.#dialog.querySelector<HTMLInputElement>('input[name="scheme"]:checked')?.value
    this.#settings.set({
      systemPrompt: this.#systemPrompt.value,
      temperature: this.#temperature.valueAsNumber,
      maxTokens: this.#length.value === 'all' ? null : Number(this.#length.value),
      keepReady: this.#keepReady.checked,
      scheme: scheme === 'light' || scheme === 'dark' ? scheme : 'system',
      model: this.#model.value,
      endpoint: this.#endpoint.value,
    })
  }

  #enterToken(): void {
    this.#token.enter(this.#tokenText.value, this.#hooks.endpoint(), this.#keepToken.checked)
  }

  #show(settings: Settings): void {
    setText(this.#systemPrompt, settings.systemPrompt)
    setText(this.#model, settings.model)
    setText(this.#endpoint, settings.endpoint)
    this.#temperature.value = String(settings.temperature)
    this.#length.value = settings.maxTokens === null ? 'all' : String(settings.maxTokens)
    this.#keepReady.checked = settings.keepReady
    const temperature = temperatureWords(settings.temperature)
    byId('temperature-effect', HTMLElement).textContent =
      `Now ${settings.temperature.toFixed(1)}: ${temperature}.`
    this.#temperature.setAttribute('aria-valuetext', `${settings.temperature.toFixed(1)}, ${temperature}`)
    byId('length-effect', HTMLElement).textContent = lengthWords(settings.maxTokens)
    for (const radio of this.#dialog.querySelectorAll<HTMLInputElement>('input[name="scheme"]')) {
      radio.checked = radio.value === settings.scheme
    }
  }
}

/** Setting a value moves the cursor, so it is left alone where it is right already. */
function setText(field: HTMLInputElement | HTMLTextAreaElement, value: string): void {
  if (field.value !== value) field.value = value
}
