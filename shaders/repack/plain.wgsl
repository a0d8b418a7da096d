// One lane makes one word: F32, F16 and BF16 stay as they are, or with `narrow` two F32 become two F16. Rows are padded
// to whole groups.
import package::lib::floats::half_bits;
import package::lib::raw::raw_word;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.y * grid.x * workgroup_size + id.x;
  if (index >= params.count) {
    return;
  }
  let word = params.first + index;
  let at = params.base + word / params.row_words * params.row_stride + word % params.row_words;
  if (narrow) {
    let pair = bitcast<vec2f>(vec2u(
      raw_word(params.source + 8u * index),
      raw_word(params.source + 8u * index + 4u),
    ));
    atomicStore(&planes[at], half_bits(pair.x) | (half_bits(pair.y) << 16u));
  } else {
    atomicStore(&planes[at], raw_word(params.source + 4u * index));
  }
}
