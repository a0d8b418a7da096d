// One workgroup merges the splits of one token and one head; a lane owns some quads of the output.
import package::lib::combine::{combined, splits_of, value_quads};

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = params.tiles_at + 5u * group.x;
  let row = batch[tile];
  let splits = splits_of(batch[tile + 2u]);
  let head = group.y;
  for (var d = lane; d < value_quads; d += workgroup_size) {
    y[row * params.y_stride + head * value_quads + d] = combined(group.x, head, splits, d);
  }
}
