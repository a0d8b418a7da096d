// Groups of 32 weights d·q + m. Nibbles as in q4_0. Scales: one word a group, d low and m high, both f16, from
// params.scales on.
import package::bindings::{weights, params};
import package::lib::numbers::{half, low_nibbles, high_nibbles, Octet};
import package::lib::planes::word;

const spans = 1u;
const has_minimum = true;
const middle = 0u;
const most_code = 15u;
const header_groups = 1u;

alias Header = u32;

fn header(group: u32) -> Header {
  return group;
}

alias Packed = vec4u;

fn fetch(group: u32) -> Packed {
  return weights[group];
}

fn octet(packed: Packed, i: u32) -> Octet {
  return Octet(low_nibbles(packed[i]), high_nibbles(packed[i]));
}

fn codes(packed: Packed, i: u32) -> vec2u {
  return vec2u(packed[i], packed[i] >> 4u) & vec2u(0x0f0f0f0fu);
}

fn scale(group: Header, place: u32, span: u32) -> vec2f {
  let both = word(params.scales + group);
  return vec2f(half(both), half(both >> 16u));
}
