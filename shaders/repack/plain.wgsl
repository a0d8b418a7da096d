// One lane copies one word: F32, F16 and BF16 stay as they are. Rows are padded to whole groups.
import package::lib::raw::raw_word;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.y * grid.x * workgroup_size + id.x;
  if (index < params.count) {
    let word = params.first + index;
    let at = params.base + word / params.row_words * params.row_stride + word % params.row_words;
    atomicStore(&planes[at], raw_word(params.source + 4u * index));
  }
}
