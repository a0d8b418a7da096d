// One lane takes one unit of a tensor that is a table of codes: unit_codes codes of `bits` bits, from the low bits on.
// A unit runs along the table's rows, or with `down` down its columns; the matrix's rows are the table's rows, or with
// `transposed` its columns; `stacked` tables of params.table_rows follow one another, as do the rows that they give. A code
// goes to `width` bits of a plane. Rows of other shards are left out, and what comes behind row_codes in a row.
import package::bindings::{bits, width, unit_codes};
import package::lib::floats::half_bits;
import package::lib::raw::raw_word;

// AWQ's order: nibble k of a word is output 0, 2, 4, 6, 1, 3, 5, 7. Nibbles of GGUF's four-bit types stand so, too.
fn place_of(k: u32) -> u32 {
  return select(k, 2u * (k % 4u) + k / 4u, awq);
}

// Eight nibbles in a row, or with `high_first` with the two of each byte swapped.
fn in_order(word: u32) -> u32 {
  return select(word, ((word >> 4u) & 0x0f0f0f0fu) | ((word & 0x0f0f0f0fu) << 4u), high_first);
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.y * grid.x * workgroup_size + id.x;
  if (index >= params.count) {
    return;
  }
  let unit = params.first + index;
  let outer = unit / params.row_units;
  let inner = unit % params.row_units;
  let begin = params.source + index * (unit_codes * bits / 8u);
  for (var k = 0u; k < unit_codes; k++) {
    let bit = k * bits;
    var code = in_order((raw_word(begin + bit / 8u) >> (bit % 8u)) & (0xffffffffu >> (32u - bits)));
    var at = vec2u(outer, inner * unit_codes + place_of(k));
    if (down) {
      at = vec2u(outer * unit_codes + place_of(k), inner);
    }
    if (transposed) {
      at = at.yx;
    }
    if (stacked) {
      at = vec2u(at.x + at.y / params.table_rows * params.row_units * unit_codes, at.y % params.table_rows);
    }
    if (narrowed) {
      code = half_bits(bitcast<f32>(code));
    }
    let row = at.x - params.first_row;
    if (row < params.rows && at.y < params.row_codes) {
      let to = (params.shard_row + row) * params.row_stride + at.y;
      let per_word = 32u / width;
      atomicOr(&planes[params.plane + to / per_word], code << (width * (to % per_word)));
    }
  }
}
