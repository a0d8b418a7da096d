// Groups of 32 weights d·(q − 1), or with `single` d·(2q − 1); 2^sharing groups have one d. Codes of two bits, 2 words a
// group as the high bits of q6_k, or of one bit as those of q5. d from params.supers on: f16, two in a word.
import package::bindings::{params, sharing};
import package::lib::numbers::Octet;
import package::lib::planes::{word, half_at};

const spans = 1u;
const has_minimum = false;
const header_groups = 1u << sharing;

alias Header = f32;

fn header(group: u32) -> Header {
  return half_at(params.supers, group >> sharing);
}

@if(single) alias Packed = u32;
@if(!single) alias Packed = vec2u;

@if(single)
fn fetch(group: u32) -> Packed {
  return word(group);
}

@if(!single)
fn fetch(group: u32) -> Packed {
  return vec2u(word(2u * group), word(2u * group + 1u));
}

@if(single)
fn octet(packed: Packed, i: u32) -> Octet {
  let codes = packed >> (2u * i);
  let low = vec4f(unpack4xU8(codes & 0x01010101u));
  let high = vec4f(unpack4xU8((codes >> 1u) & 0x01010101u));
  return Octet(2.0 * low - 1.0, 2.0 * high - 1.0);
}

@if(!single)
fn octet(packed: Packed, i: u32) -> Octet {
  let codes = packed[i >> 1u] >> (4u * (i & 1u));
  let low = vec4f(unpack4xU8(codes & 0x03030303u));
  let high = vec4f(unpack4xU8((codes >> 2u) & 0x03030303u));
  return Octet(low - 1.0, high - 1.0);
}

fn scale(d: Header, place: u32, span: u32) -> vec2f {
  return vec2f(d, 0.0);
}
