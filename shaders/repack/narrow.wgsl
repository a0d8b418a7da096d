// One lane makes two F32 into the two F16 of a word. Rows are padded to whole groups.
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
  let begin = params.source + 8u * index;
  let pair = bitcast<vec2f>(vec2u(raw_word(begin), raw_word(begin + 4u)));
  atomicStore(&planes[at], half_bits(pair.x) | (half_bits(pair.y) << 16u));
}
