// One lane takes one raw block of Q8_0: d, then 32 i8.
import package::lib::raw::{raw_word, raw_half, put_half};

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let block = id.y * grid.x * workgroup_size + id.x;
  if (block >= params.count) {
    return;
  }
  let group = params.base + params.first + block;
  let begin = params.source + block * 34u;
  put_half(params.scales, group, raw_half(begin));
  for (var w = 0u; w < 8u; w++) {
    atomicStore(&planes[group * 8u + w], raw_word(begin + 2u + 4u * w));
  }
}
