// Groups of 32 weights d·(q − 16), or d·q + m with `minimum`. Nibbles as in q4_0. High bits: a word a group from
// params.high on, bit w of byte b is weight 4w + b's. Scales from params.scales on as in q4_0, or q4_1.
import package::bindings::{weights, params};
import package::lib::numbers::{half, Octet};
import package::lib::planes::{word, half_at};

const spans = 1u;
@if(minimum) const has_minimum = true;
@if(!minimum) const has_minimum = false;
@if(minimum) const middle = 0u;
@if(!minimum) const middle = 16u;
@if(minimum) const most_code = 31u;
@if(!minimum) const most_code = 16u;
const header_groups = 1u;

alias Header = u32;

fn header(group: u32) -> Header {
  return group;
}

struct Packed { low: vec4u, high: u32 }

fn fetch(group: u32) -> Packed {
  return Packed(weights[group], word(params.high + group));
}

fn codes(packed: Packed, i: u32) -> vec2u {
  let low = packed.low[i];
  let high = packed.high >> (2u * i);
  let first = (low & 0x0f0f0f0fu) | ((high & 0x01010101u) << 4u);
  let second = ((low >> 4u) & 0x0f0f0f0fu) | ((high & 0x02020202u) << 3u);
  return vec2u(first, second);
}

fn octet(packed: Packed, i: u32) -> Octet {
  let both = codes(packed, i);
  return Octet(vec4f(unpack4xU8(both.x)) - f32(middle), vec4f(unpack4xU8(both.y)) - f32(middle));
}

@if(minimum)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  let both = word(params.scales + group);
  return vec2f(half(both), half(both >> 16u));
}

@if(!minimum)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(half_at(params.scales, group), 0.0);
}
