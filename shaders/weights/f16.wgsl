// f16 weights, two in a word, 16 words a group.
import package::bindings::weights;
import package::lib::numbers::{halves, Octet};

const spans = 1u;
const has_minimum = false;

fn octet(group: u32, i: u32) -> Octet {
  let w = group * 16u + 4u * i;
  return Octet(halves(weights[w], weights[w + 1u]), halves(weights[w + 2u], weights[w + 3u]));
}

fn scale(group: u32, span: u32) -> vec2f {
  return vec2f(1.0, 0.0);
}
