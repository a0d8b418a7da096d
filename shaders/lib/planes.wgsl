// Words of a matrix's planes, which are bound as fours of words: a CPU driver pays for loads, not for bytes.
import package::bindings::weights;
import package::lib::numbers::half;

fn word(index: u32) -> u32 {
  return weights[index >> 2u][index & 3u];
}

// Byte `index` of the plane that begins at word `plane`.
fn byte_at(plane: u32, index: u32) -> u32 {
  return (word(plane + (index >> 2u)) >> (8u * (index & 3u))) & 0xffu;
}

// The 16 bits there, with whatever lies above them.
fn half_word(plane: u32, index: u32) -> u32 {
  return word(plane + (index >> 1u)) >> (16u * (index & 1u));
}

fn half_at(plane: u32, index: u32) -> f32 {
  return half(half_word(plane, index));
}
