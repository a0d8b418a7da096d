// Groups of 32 weights d·table[q]. Nibbles and scales as in q4_0.
import package::bindings::{weights, params};
import package::lib::code_tables::{iq4, low_codes, high_codes};
import package::lib::numbers::{half, Octet};
import package::lib::planes::word;

const spans = 1u;
const has_minimum = false;

alias Packed = vec4u;

fn fetch(group: u32) -> Packed {
  return weights[group];
}

fn octet(packed: Packed, i: u32) -> Octet {
  return Octet(iq4(low_codes(packed[i])), iq4(high_codes(packed[i])));
}

fn scale(group: u32, span: u32) -> vec2f {
  return vec2f(half(word(params.scales + (group >> 1u)) >> (16u * (group & 1u))), 0.0);
}
