import { falconH1 } from './falcon-h1'
import type { Family } from './family'
import { llama } from './llama'

/** All that Octavo runs. */
export const families: readonly Family[] = [llama, falconH1]
