// Groups of 32 weights d·q. Values: 8 words a group, four i8 each. Scales: one f16 a group, two in a word, from
// params.scales on.
import package::bindings::{weights, params};
import package::lib::numbers::{half, signed_bytes, Octet};

const spans = 1u;
const has_minimum = false;

fn octet(group: u32, i: u32) -> Octet {
  let word = group * 8u + 2u * i;
  return Octet(signed_bytes(weights[word]), signed_bytes(weights[word + 1u]));
}

fn scale(group: u32, span: u32) -> vec2f {
  return vec2f(half(weights[params.scales + (group >> 1u)] >> (16u * (group & 1u))), 0.0);
}
