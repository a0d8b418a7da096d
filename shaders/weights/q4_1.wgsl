// Groups of 32 weights d·q + m. Nibbles as in q4_0. Scales: one word a group, d low and m high, both f16, from
// params.scales on.
import package::bindings::{weights, params};
import package::lib::numbers::{half, low_nibbles, high_nibbles, Octet};

const spans = 1u;
const has_minimum = true;

fn octet(group: u32, i: u32) -> Octet {
  let word = weights[group * 4u + i];
  return Octet(low_nibbles(word), high_nibbles(word));
}

fn scale(group: u32, span: u32) -> vec2f {
  let word = weights[params.scales + group];
  return vec2f(half(word), half(word >> 16u));
}
