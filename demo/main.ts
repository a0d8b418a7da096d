import { type Engine, OctavoError } from 'octavo'
import { Announcer } from './chat/announcer'
import { Chat } from './chat/chat'
import { Composer } from './chat/composer'
import { ConversationList } from './chat/conversation-list'
import { ConversationStore } from './chat/conversation-store'
import { ConversationView } from './chat/conversation-view'
import { ReadyChats } from './chat/ready-chats'
import { startersView } from './chat/starters'
import { Drawer } from './drawer'
import { byId } from './element'
import { type AdviceAction, type Circumstances, losesEngine } from './errors/advice'
import { webGpuHelp } from './errors/browser-help'
import { missingGpu } from './errors/missing-gpu'
import { InsightPanel } from './insight/insight-panel'
import { ProfileDialog } from './insight/profile-dialog'
import { recoveryWords } from './model/load-words'
import { loadedModels } from './model/loaded-models'
import { ModelCard } from './model/model-card'
import { chooseModel, defaultModel, type ModelChoice, modelTitle, smallerThan } from './model/model-choice'
import { ModelFileInput } from './model/model-file-input'
import { ModelSession, type ModelState } from './model/model-session'
import { offeredByServer } from './model/offered-model'
import { formatBytes } from './quantities'
import { followScheme } from './scheme'
import { AccessToken } from './settings/access-token'
import { keptSettings } from './settings/settings'
import { SettingsPanel } from './settings/settings-panel'

const settings = keptSettings()
const token = new AccessToken()
followScheme(settings)
const offered = await offeredByServer()
/** What the page's address, the settings and the server say to load. */
const wantedModel = () => chooseModel(location.href, settings.value, offered)

const model = new ModelSession(wantedModel(), ({ endpoint }) => token.for(endpoint))
const announcer = new Announcer(byId('announcements', HTMLElement))
const readyChats = new ReadyChats()
const store = new ConversationStore()
const chat = new Chat(store, {
  engine: () => model.engine,
  settings: () => settings.value,
  ready: (conversation) => readyChats.restore(conversation),
  onList: showList,
  onTurns: showConversation,
  onTurn: ({ id, text }) => {
    view.showGrowth()
    announcer.sayAnswer(id, text, false)
  },
  onEnd: (conversation, turn, end) => {
    if (conversation === chat.open) announcer.sayAnswer(turn.id, turn.text, true)
    void readyChats.save(conversation)
    if (end.kind === 'stopped') announcer.say('Stopped.')
    if (end.kind === 'error') {
      announcer.say(end.message)
      // Where another model is being loaded, the old one was let go on purpose.
      if (losesEngine(end.code) && model.engine)
        model.fail(new OctavoError(end.code, end.message, end.remedy))
    }
  },
})
const composer = new Composer({
  onSend: (text, replaces) => {
    void chat.send(text, replaces)
    view.follow()
  },
  onStop: () => chat.stop(),
  onEditLast: () => {
    const last = chat.open.turns.findLast(({ role }) => role === 'user')
    if (last) composer.edit(last.id, last.text)
  },
})
const view = new ConversationView(
  {
    scroll: byId('scroll', HTMLElement),
    turns: byId('turns', HTMLElement),
    toLatest: byId('to-latest', HTMLButtonElement),
  },
  chat,
  {
    copy: (text) => void copy(text),
    edit: ({ id, text }) => composer.edit(id, text),
    regenerate: () => {
      composer.focus()
      void chat.regenerate()
    },
    continue: () => {
      composer.focus()
      void chat.continue()
    },
    newChat,
    act: (action) => act(action, () => void chat.regenerate()),
    circumstances,
    canAnswer: () => model.engine !== null,
  },
)
let shownEngine: Engine | null = null
let isShownRecovering = false
const insight = new InsightPanel()
const profileDialog = new ProfileDialog()
const drawer = new Drawer()
const list = new ConversationList(byId('conversations', HTMLElement), {
  onOpen: (conversation) => {
    drawer.close()
    chat.show(conversation)
    composer.focus()
  },
  onRemove: (conversation) => {
    void chat.remove(conversation)
    void readyChats.remove(conversation)
  },
})
const files = new ModelFileInput((picked) => {
  const bytes = picked.reduce((sum, { size }) => sum + size, 0)
  void model.load({ model: picked, endpoint: null, bytes, license: null })
})
const settingsPanel = new SettingsPanel(settings, token, {
  onLoad: () => {
    // What the address asked for gives way to what the person has just asked for.
    history.replaceState(null, '', location.pathname)
    void model.choose(wantedModel())
  },
  onPickFile: () => files.pick(),
  endpoint: () => wantedModel().endpoint,
})
const card = new ModelCard(byId('model-card', HTMLElement), {
  onLoad: (choice) => void model.load(choice),
  onCancel: () => model.cancel(),
  onPickFile: () => files.pick(),
  onSettings: () => settingsPanel.open('model-reference'),
  act: (action) => act(action, () => void model.load(model.state.value.choice)),
  circumstances,
})

byId('new-chat', HTMLButtonElement).addEventListener('click', newChat)
byId('open-settings', HTMLButtonElement).addEventListener('click', () => settingsPanel.open())
document.addEventListener('keydown', onEscape)
chat.figures.watch((figures) => insight.setFigures(figures))
readyChats.changed.watch(showReadiness)
settings.watch(({ keepReady }) => void readyChats.setWanted(keepReady))
model.state.watch(showModel)
await chat.start()
const missing = await missingGpu()
if (missing) model.fail(missing)
else await model.resume()

function showModel(state: ModelState): void {
  card.show(state)
  const words = { absent: 'not loaded', loading: 'loading', ready: 'ready', failed: 'not running' }
  byId('model-name', HTMLElement).textContent = modelTitle(state.choice)
  const stateText = byId('model-state', HTMLElement)
  const recovery = state.kind === 'ready' ? state.recovery : null
  stateText.textContent = recovery ? recoveryWords(recovery) : words[state.kind]
  stateText.dataset.kind = recovery ? 'recovering' : state.kind
  const engine = state.kind === 'ready' ? state.engine : null
  if (engine !== shownEngine) {
    shownEngine = engine
    insight.setEngine(engine)
    profileDialog.setEngine(engine)
    void readyChats.setEngine(engine, () => store.all())
    showConversation()
    if (engine) {
      announcer.say('The model is ready.')
      // On a phone the focus would open the keyboard over the page.
      if (document.activeElement === document.body && matchMedia('(hover: hover)').matches) composer.focus()
    }
    if (state.kind === 'failed') announcer.say(state.error.message)
  }
  showRecovery(engine, recovery !== null)
}

/** Says that the model has lost its GPU, and that it is back: what it had read is gone, and what is kept of chats is not. */
function showRecovery(engine: Engine | null, isRecovering: boolean): void {
  if (isRecovering === isShownRecovering) return
  isShownRecovering = isRecovering
  if (isRecovering)
    announcer.say('The browser took the GPU away. The model is loaded again, and answers go on then.')
  else if (engine) {
    announcer.say('The model is back.')
    void readyChats.setEngine(engine, () => store.all())
    void readyChats.restore(chat.open)
  }
}

function showList(): void {
  list.show(chat.list, chat.open)
  byId('no-conversations', HTMLElement).hidden = chat.list.length > 0
}

function showReadiness(): void {
  insight.setReadiness(readyChats.changed.value.get(chat.open.id) ?? null)
}

function showConversation(): void {
  void readyChats.restore(chat.open)
  showReadiness()
  const { engine } = model
  const empty = chat.open.turns.length === 0
  document.body.dataset.empty = String(empty)
  const starters = byId('starters', HTMLElement)
  const wanted = empty && engine ? engine.info.model.parameters : null
  starters.replaceChildren(...(wanted === null ? [] : [startersView(wanted, ask)]))
  view.showTurns()
  const running = chat.running !== null
  composer.setState({
    canSend: engine !== null,
    running,
    words: engine ? 'Ask anything' : 'Load the model, then ask',
  })
}

function ask(prompt: string): void {
  composer.focus()
  void chat.send(prompt, null)
  view.follow()
}

function newChat(): void {
  drawer.close()
  chat.newChat()
  composer.focus()
}

function act(action: AdviceAction, retry: () => void): void {
  const { choice } = model.state.value
  if (action === 'retry') retry()
  else if (action === 'load-again') void model.load(choice)
  else if (action === 'smaller-model') void model.load(smallerThan(choice) ?? defaultModel)
  else if (action === 'default-model') void model.load(homeModel())
  else if (action === 'new-chat') newChat()
  else
    settingsPanel.open(action === 'settings' ? null : action === 'enter-token' ? 'token' : 'model-reference')
}

/** The model that this page loads where nobody has chosen another. */
function homeModel(): ModelChoice {
  return chooseModel(document.baseURI.replace(/[?#].*$/, ''), { model: '', endpoint: '' }, offered)
}

function circumstances(remedy: string): Circumstances {
  const { choice, kind } = model.state.value
  const smaller = smallerThan(choice)
  return {
    remedy,
    online: navigator.onLine,
    webGpuHelp: webGpuHelp(navigator.userAgent, window.isSecureContext),
    smaller: smaller && `${modelTitle(smaller)} (${formatBytes(smaller.bytes ?? 0)})`,
    isDefaultModel: choice.model === homeModel().model,
    onDevice: loadedModels().map((each) => modelTitle({ ...each, license: null })),
    isLoaded: kind === 'ready',
  }
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    announcer.say('Copied.')
  } catch {
    announcer.say('The browser did not allow copying.')
  }
}

/** Escape stops what is running; failing that it ends editing, or closes the panel. */
function onEscape(event: KeyboardEvent): void {
  if (event.key !== 'Escape' || event.defaultPrevented || document.querySelector('dialog[open]')) return
  if (chat.running) chat.stop()
  else if (!composer.cancelEdit()) insight.close()
}
