// f16 weights, two in a word, 16 words a group.
import package::bindings::weights;
import package::lib::numbers::{halves, Octet};

const spans = 1u;
const has_minimum = false;
const header_groups = 1u;

alias Header = u32;

fn header(group: u32) -> Header {
  return group;
}

alias Packed = u32;

fn fetch(group: u32) -> Packed {
  return group;
}

fn octet(group: Packed, i: u32) -> Octet {
  let words = weights[4u * group + i];
  return Octet(halves(words.x, words.y), halves(words.z, words.w));
}

fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(1.0, 0.0);
}
