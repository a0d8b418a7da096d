// Groups of 32 weights (d·s)·table[q]. Nibbles as in q4_0; s from params.scales on: one i8 a group, four in a word; d
// from params.supers on: one f16 for each 8 groups, two in a word.
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
  let s = i32(word(params.scales + (group >> 2u)) << (24u - 8u * (group & 3u))) >> 24u;
  let super_block = group >> 3u;
  let d = half(word(params.supers + (super_block >> 1u)) >> (16u * (super_block & 1u)));
  return vec2f(d * f32(s), 0.0);
}
