import type { Activation } from '../../kernels/activation'
import type { ActivationDescription } from '../description'
import type { PartPlace } from './place'

/** Its learned numbers go among the layer's constants, in the form in which the kernels use them. */
export function findActivation(
  { find, constants }: PartPlace,
  activation: ActivationDescription,
): Activation {
  if (activation.kind !== 'xielu') return activation
  const { positive, negative, beta, epsilon } = activation
  const at = constants.take(3)
  const softplus = (value: number) => Math.log1p(Math.exp(value))
  const least = find.scalar(beta)
  constants.put(find.scalar(positive), at, (values) => values.map(softplus))
  constants.put(find.scalar(negative), at + 1, (values, all) => {
    const [lowest = 0] = all.get(least.name)!
    return values.map((value) => lowest + softplus(value))
  })
  constants.put(least, at + 2)
  // Keeps eˣ − 1 from rounding to nothing near 0, which the kernel computes without loss.
  find.scalar(epsilon)
  return { kind: 'xielu', at }
}
