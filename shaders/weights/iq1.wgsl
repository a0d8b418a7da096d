// Groups of 32 weights d·(2s + 1)·(grid ± 1/8). An entry of the grid has 8 weights −1, 0 or 1 as codes of two bits in 16,
// from params.table on. Indices of 11 bits, their low 8 a word a group. From params.high on 16 bits a group:
//   of IQ1_S four times three high bits, s, and the sign of the eighth, 1 for minus; d from params.supers on, an f16 for
//   each 8 groups, two in a word;
//   of IQ1_M (`m`) four times three high bits and that sign. From params.scales on for each 8 groups four times 16 bits: s
//   of four runs of 16 weights, three bits each, and four bits of d, lowest first.
import package::bindings::params;
import package::lib::numbers::{half, Octet};
import package::lib::planes::{word, half_word, half_at};

@if(m) const spans = 2u;
@if(!m) const spans = 1u;
const has_minimum = false;
const header_groups = 1u;

alias Header = u32;

fn header(group: u32) -> Header {
  return group;
}

struct Packed { low: u32, high: u32 }

fn fetch(group: u32) -> Packed {
  return Packed(word(group), half_word(params.high, group));
}

// Three high bits of an index, below the sign.
@if(m)
fn high_bits(packed: Packed, i: u32) -> u32 {
  return (packed.high >> (4u * i)) & 15u;
}

@if(!m)
fn high_bits(packed: Packed, i: u32) -> u32 {
  return ((packed.high >> (3u * i)) & 7u) | ((packed.high >> 12u) & 8u);
}

fn octet(packed: Packed, i: u32) -> Octet {
  let high = high_bits(packed, i);
  let codes = half_word(params.table, ((packed.low >> (8u * i)) & 255u) | ((high & 7u) << 8u));
  let below = select(-0.875, -1.125, high >= 8u);
  let low = vec4f((vec4u(codes) >> vec4u(0u, 2u, 4u, 6u)) & vec4u(3u));
  return Octet(low + below, vec4f((vec4u(codes) >> vec4u(8u, 10u, 12u, 14u)) & vec4u(3u)) + below);
}

@if(m)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  let begin = params.scales + 2u * (group >> 3u);
  let tops = (vec2u(word(begin), word(begin + 1u)) >> vec2u(12u)) & vec2u(0xf000fu);
  let nibbles = (tops | (tops >> vec2u(12u))) & vec2u(0xffu);
  let s = (half_word(begin, (group >> 1u) & 3u) >> (6u * (group & 1u) + 3u * span)) & 7u;
  return vec2f(half(nibbles.x | (nibbles.y << 8u)) * f32(2u * s + 1u), 0.0);
}

@if(!m)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  let s = (half_word(params.high, group) >> 12u) & 7u;
  return vec2f(half_at(params.supers, group >> 3u) * f32(2u * s + 1u), 0.0);
}
