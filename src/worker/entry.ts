import { serve } from './service'

serve(globalThis, globalThis.navigator.gpu ?? null)
