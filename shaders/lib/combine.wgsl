// Merges the splits of one token and one head, in order; numbers of splits are those of the token.
import package::bindings::{params, constants, heads, value_dim, split_size, sinks};
@if(combines) import package::bindings::x;
@if(!combines) import package::bindings::partials;
import package::lib::softmax::{merge, lowest};
import package::lib::visible::first_visible;

const value_quads = value_dim / 4u;

fn splits_of(position: u32) -> u32 {
  return position / split_size + 1u - first_visible(position) / split_size;
}

// A product that merges the splits has them as its x.
@if(combines)
fn partial_quad(i: u32) -> vec4f {
  return x[i];
}

@if(!combines)
fn partial_quad(i: u32) -> vec4f {
  return partials[i];
}

// Quad d of what a head gives.
fn combined(tile: u32, head: u32, splits: u32, d: u32) -> vec4f {
  var greatest = lowest;
  var sum = 0.0;
  var total = vec4f();
  for (var split = 0u; split < splits; split++) {
    let partial = ((tile * heads + head) * params.splits + split) * (value_quads + 1u);
    let other = partial_quad(partial);
    let merged = merge(greatest, sum, other.x, other.y);
    total = fma(total, vec4f(merged.keep), partial_quad(partial + 1u + d) * merged.take);
    greatest = merged.greatest;
    sum = merged.sum;
  }
  if (sinks) {
    let merged = merge(greatest, sum, constants[params.sinks_at + head], 1.0);
    total *= merged.keep;
    sum = merged.sum;
  }
  return total / sum;
}
