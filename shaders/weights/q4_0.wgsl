// Groups of 32 weights d·(q − 8). Nibbles: 4 words a group, byte i of word w holds weights 8w + i (low) and
// 8w + 4 + i (high). Scales: one f16 a group, two in a word, from params.scales on.
import package::bindings::{weights, params};
import package::lib::numbers::{low_nibbles, high_nibbles, Octet};
import package::lib::planes::half_at;

const spans = 1u;
const has_minimum = false;
const middle = 8u;
const most_code = 8u;
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
  return Octet(low_nibbles(packed[i]) - 8.0, high_nibbles(packed[i]) - 8.0);
}

fn codes(packed: Packed, i: u32) -> vec2u {
  return vec2u(packed[i], packed[i] >> 4u) & vec2u(0x0f0f0f0fu);
}

fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(half_at(params.scales, group), 0.0);
}
