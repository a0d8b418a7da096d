// Groups of 32 weights 2^(e − 128)·table[q]. Nibbles as in q4_0; e from params.scales on: one byte a group, four in a
// word.
import package::bindings::{weights, params};
import package::lib::code_tables::{fp4, low_codes, high_codes};
import package::lib::numbers::Octet;
import package::lib::planes::word;

const spans = 1u;
const has_minimum = false;

alias Packed = vec4u;

fn fetch(group: u32) -> Packed {
  return weights[group];
}

fn octet(packed: Packed, i: u32) -> Octet {
  return Octet(fp4(low_codes(packed[i])), fp4(high_codes(packed[i])));
}

// 2^(e − 126). The format has no number for e = 255; 254 has none here: its weights are past 10³⁷.
fn scale(group: u32, span: u32) -> vec2f {
  let e = (word(params.scales + (group >> 2u)) >> (8u * (group & 3u))) & 255u;
  return vec2f(bitcast<f32>(min(e + 1u, 254u) << 23u), 0.0);
}
