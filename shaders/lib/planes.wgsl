// One word of a matrix's planes, which are bound as fours of words: a CPU driver pays for loads, not for bytes.
import package::bindings::weights;

fn word(index: u32) -> u32 {
  return weights[index >> 2u][index & 3u];
}
