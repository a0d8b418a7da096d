// One workgroup merges the splits of one token and one head, in order; a lane owns some quads of the output.
import package::lib::softmax::{merge, lowest};
import package::lib::visible::first_visible;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  const value_quads = value_dim / 4u;
  let tile = params.tiles_at + 5u * group.x;
  let row = batch[tile];
  let position = batch[tile + 2u];
  let splits = position / split_size + 1u - first_visible(position) / split_size;
  let head = group.y;
  for (var d = lane; d < value_quads; d += workgroup_size) {
    var greatest = lowest;
    var sum = 0.0;
    var total = vec4f();
    for (var split = 0u; split < splits; split++) {
      let partial = ((group.x * heads + head) * params.splits + split) * (value_quads + 1u);
      let merged = merge(greatest, sum, partials[partial].x, partials[partial].y);
      total = fma(total, vec4f(merged.keep), partials[partial + 1u + d] * merged.take);
      greatest = merged.greatest;
      sum = merged.sum;
    }
    if (sinks) {
      let merged = merge(greatest, sum, constants[params.sinks_at + head], 1.0);
      total *= merged.keep;
      sum = merged.sum;
    }
    y[row * params.y_stride + head * value_quads + d] = total / sum;
  }
}
