import { bert, distilbert, mpnet, nomicBert, roberta } from './bert'
import { falconH1 } from './falcon-h1'
import type { Family } from './family'
import { llama } from './llama'
import { modernbert } from './modernbert'

/** All that Octavo runs. */
export const families: readonly Family[] = [
  llama,
  falconH1,
  bert,
  roberta,
  distilbert,
  mpnet,
  nomicBert,
  modernbert,
]
