// Groups of 32 weights d·q. Values: 8 words a group, four i8 each. Scales: one f16 a group, two in a word, from
// params.scales on.
import package::bindings::{weights, params};
import package::lib::numbers::{signed_bytes, Octet};
import package::lib::planes::half_at;

const spans = 1u;
const has_minimum = false;
const middle = 128u;
const most_code = 128u;
const header_groups = 1u;

alias Header = u32;

fn header(group: u32) -> Header {
  return group;
}

struct Packed { first: vec4u, second: vec4u }

fn fetch(group: u32) -> Packed {
  return Packed(weights[2u * group], weights[2u * group + 1u]);
}

fn octet(packed: Packed, i: u32) -> Octet {
  let two = bytes(packed, i);
  return Octet(signed_bytes(two.x), signed_bytes(two.y));
}

// As numbers from 0 on.
fn codes(packed: Packed, i: u32) -> vec2u {
  return bytes(packed, i) ^ vec2u(0x80808080u);
}

fn bytes(packed: Packed, i: u32) -> vec2u {
  let four = select(packed.first, packed.second, i >= 2u);
  return select(four.xy, four.zw, (i & 1u) == 1u);
}

fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(half_at(params.scales, group), 0.0);
}
