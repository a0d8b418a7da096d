// Groups of 32 weights (d·s)·(q − 32), a scale s for each 16. Planes, one after another:
//   nibbles, 4 words a group as in q4_0;
//   high bits from params.high on, 2 words a group: byte i of word w holds the two high bits of weights
//   16w + i, 16w + 4 + i, 16w + 8 + i, 16w + 12 + i, lowest first;
//   s from params.scales on: two i8 a group, four in a word;
//   d from params.supers on: one f16 for each 8 groups, two in a word.
import package::bindings::{weights, params};
import package::lib::numbers::Octet;
import package::lib::planes::{word, half_at};

const spans = 2u;
const has_minimum = false;
const middle = 32u;
const most_code = 32u;
const header_groups = 8u;

// Scales of a block as bytes, in their order.
struct Header { d: f32, scales: vec4u }

struct Packed { low: vec4u, high: vec2u }

fn fetch(group: u32) -> Packed {
  let high = params.high + 2u * group;
  return Packed(weights[group], vec2u(word(high), word(high + 1u)));
}

fn codes(packed: Packed, i: u32) -> vec2u {
  let low = packed.low[i];
  let high = packed.high[i >> 1u] >> (4u * (i & 1u));
  let first = (low & 0x0f0f0f0fu) | ((high & 0x03030303u) << 4u);
  let second = ((low >> 4u) & 0x0f0f0f0fu) | (((high >> 2u) & 0x03030303u) << 4u);
  return vec2u(first, second);
}

fn octet(packed: Packed, i: u32) -> Octet {
  let both = codes(packed, i);
  return Octet(vec4f(unpack4xU8(both.x)) - 32.0, vec4f(unpack4xU8(both.y)) - 32.0);
}

fn header(group: u32) -> Header {
  let block = group >> 3u;
  return Header(half_at(params.supers, block), weights[(params.scales >> 2u) + block]);
}

fn scale(header: Header, place: u32, span: u32) -> vec2f {
  let s = i32(header.scales[place >> 1u] << (24u - 8u * span - 16u * (place & 1u))) >> 24u;
  return vec2f(header.d * f32(s), 0.0);
}
