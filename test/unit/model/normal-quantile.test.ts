import { expect, it } from 'vitest'
import { normalQuantile } from '../../../src/model/normal-quantile'

it.each([
  [0.5, 0],
  [0.95, 1.6448536269514722],
  [0.25, -0.6744897501960817],
  [0.999, 3.090232306167813],
  [1e-6, -4.753424308822899],
])('the normal distribution’s quantile at %s is %s', (p, x) => {
  expect(normalQuantile(p)).toBeCloseTo(x, 9)
})
