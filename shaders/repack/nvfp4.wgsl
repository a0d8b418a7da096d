// One lane takes one group of 32 weights of a raw NVFP4 block of 64: four scale bytes, then 8 bytes for each 16 weights.
import package::lib::raw::{raw_half, put_half};
import package::lib::raw_nibbles::put_halves;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.y * grid.x * workgroup_size + id.x;
  if (index >= params.count * 2u) {
    return;
  }
  let in_block = index % 2u;
  let group = (params.base + params.first) * 2u + index;
  let begin = params.source + index / 2u * 36u;
  put_half(params.scales, group, raw_half(begin + 2u * in_block));
  put_halves(group, begin + 4u + 16u * in_block);
}
