// Plain f32 weights, 32 words a group.
import package::bindings::weights;
import package::lib::numbers::Octet;

const spans = 1u;
const has_minimum = false;

fn octet(group: u32, i: u32) -> Octet {
  let w = group * 32u + 8u * i;
  return Octet(
    bitcast<vec4f>(vec4u(weights[w], weights[w + 1u], weights[w + 2u], weights[w + 3u])),
    bitcast<vec4f>(vec4u(weights[w + 4u], weights[w + 5u], weights[w + 6u], weights[w + 7u])),
  );
}

fn scale(group: u32, span: u32) -> vec2f {
  return vec2f(1.0, 0.0);
}
