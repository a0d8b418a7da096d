import { fetchAllParts } from '../../src/model/lazy-parts'
import { fetchTokenizer } from '../../src/text/tokenizer'

/** Tests call what lies behind `fetchParts`, too; that it fetches what a model needs is for the tests of the built library. */
await Promise.all([fetchAllParts(), fetchTokenizer({ kind: 'safetensors' })])
