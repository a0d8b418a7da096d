// Weights d·(digit − 1), digits of base 3, five to a byte. For each 256 weights 13 words, the file's: digits 0 to 4 of 32
// bytes are 32 weights each, then those of 16 bytes 16 each, then digits 0 to 3 of 4 bytes 4 each. d from params.supers
// on: an f16 for each 256, two in a word.
import package::bindings::params;
import package::lib::numbers::Octet;
import package::lib::planes::{word, half_at};

const spans = 1u;
const has_minimum = false;
const header_groups = 8u;

alias Header = f32;

fn header(group: u32) -> Header {
  return half_at(params.supers, group >> 3u);
}

alias Packed = u32;

fn fetch(group: u32) -> Packed {
  return group;
}

fn octet(group: Packed, i: u32) -> Octet {
  let begin = 13u * (group >> 3u);
  let four = 8u * (group & 7u) + 2u * i;
  return Octet(digits(begin, four), digits(begin, four + 1u));
}

// The `four`th four weights of the 256. Digit n of a byte b is the whole part of 3·(3ⁿ·b mod 256) / 256.
fn digits(begin: u32, four: u32) -> vec4f {
  var at = four & 7u;
  var digit = four >> 3u;
  if (four >= 60u) {
    at = 12u;
    digit = four - 60u;
  } else if (four >= 40u) {
    at = 8u + (four & 3u);
    digit = (four - 40u) >> 2u;
  }
  let power = select(0x1b090301u >> (8u * (digit & 3u)), 81u, digit == 4u) & 0xffu;
  let bytes = unpack4xU8(word(begin + at));
  return vec4f((((bytes * power) & vec4u(0xffu)) * 3u) >> vec4u(8u)) - 1.0;
}

fn scale(d: Header, place: u32, span: u32) -> vec2f {
  return vec2f(d, 0.0);
}
