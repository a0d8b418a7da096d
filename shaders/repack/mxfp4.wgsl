// One lane takes one raw block of MXFP4: an exponent byte, then 16 bytes.
import package::lib::raw::{raw_word, put_byte};
import package::lib::raw_nibbles::put_group;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let block = id.y * grid.x * workgroup_size + id.x;
  if (block >= params.count) {
    return;
  }
  let group = params.base + params.first + block;
  let begin = params.source + block * 17u;
  put_byte(params.scales, group, raw_word(begin));
  put_group(group, begin + 1u);
}
