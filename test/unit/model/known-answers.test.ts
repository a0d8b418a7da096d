import { expect, it } from 'vitest'
import * as committed from '../../../src/model/proof/known-answers'
import { knownAnswers } from '../../reference/known_answers'

it('the answers of the self-proof are those of the twins; `npm run answers` writes them', () => {
  expect({ ...committed }).toEqual(knownAnswers())
})
