// Groups of 32 weights s·0.5·table[q], a scale s for each 16. Nibbles as in q4_0; s from params.scales on: two bytes a
// group, four in a word, unsigned floats of 4 bits of exponent and 3 of mantissa (e4m3; 0x7f reads as 0).
import package::bindings::{weights, params};
import package::lib::code_tables::{fp4, low_codes, high_codes};
import package::lib::numbers::Octet;
import package::lib::planes::word;

const spans = 2u;
const has_minimum = false;

alias Packed = vec4u;

fn fetch(group: u32) -> Packed {
  return weights[group];
}

fn octet(packed: Packed, i: u32) -> Octet {
  return Octet(fp4(low_codes(packed[i])), fp4(high_codes(packed[i])));
}

// Twice s: half of four times s.
fn scale(group: u32, span: u32) -> vec2f {
  let at = 2u * group + span;
  let bits = (word(params.scales + (at >> 2u)) >> (8u * (at & 3u))) & 0x7fu;
  let normal = bitcast<f32>((bits << 20u) + (121u << 23u));
  let finite = select(normal, f32(bits) * 0x1p-8, bits < 8u);
  return vec2f(select(finite, 0.0, bits == 0x7fu), 0.0);
}
