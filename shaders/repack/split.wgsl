// One lane takes one unit of a file, a block or a word of plain types, and puts its fields in a plane each. A field is a
// word of params: see fieldParams in src/kernels/repack.ts. Rows of plain types are padded to whole groups.
import package::lib::raw::{raw_word, put_half, put_byte};

fn plane_of(number: u32) -> u32 {
  switch (number) {
    case 1u: { return params.scales; }
    case 2u: { return params.high; }
    case 3u: { return params.supers; }
    case 4u: { return params.signs; }
    default: { return 0u; }
  }
}

// Word w of a field's codes as the kernels read them: byte i holds, lowest bits first, weights i, i + 4, i + 8, … of the
// word's. In the file they lie one after another, or byte i of a row of 2^row_log holds weights i, i + 2^row_log, ….
fn codes(begin: u32, w: u32, bits_log: u32, row_log: u32) -> u32 {
  let bits = 1u << bits_log;
  let each_log = 3u - bits_log;
  let mask = 0x01010101u * ((1u << bits) - 1u);
  var word = 0u;
  for (var k = 0u; k < (1u << each_log); k++) {
    let weight = 4u * ((w << each_log) + k);
    var four = 0u;
    if (row_log == 0u) {
      let bit = weight << bits_log;
      let run = (raw_word(begin + (bit >> 3u)) >> (bit & 7u)) & (0xffffffffu >> (32u - 4u * bits));
      let step = 8u - bits;
      four = run | (run << step) | (run << (2u * step)) | (run << (3u * step));
    } else {
      let row = weight >> (row_log + each_log);
      let in_row = weight & ((1u << (row_log + each_log)) - 1u);
      let byte = (row << row_log) + (in_row & ((1u << row_log) - 1u));
      four = raw_word(begin + byte) >> ((in_row >> row_log) << bits_log);
    }
    word |= (four & mask) << (k << bits_log);
  }
  return word;
}

fn split(field: u32, unit: u32, begin: u32) {
  let bytes = extractBits(field, 8u, 8u);
  let source = begin + (field & 0xffu);
  let plane = plane_of(field >> 24u);
  if (bytes == 1u) {
    put_byte(plane, unit, raw_word(source));
  } else if (bytes == 2u) {
    put_half(plane, unit, raw_word(source));
  } else {
    let words = bytes >> 2u;
    for (var w = 0u; w < words; w++) {
      let word = codes(source, w, extractBits(field, 16u, 4u), extractBits(field, 20u, 4u));
      atomicStore(&planes[plane + unit * words + w], word);
    }
  }
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.y * grid.x * workgroup_size + id.x;
  if (index >= params.count) {
    return;
  }
  let in_rows = params.first + index;
  let unit = params.base + in_rows / params.row_words * params.row_stride + in_rows % params.row_words;
  let begin = params.source + index * params.unit_bytes;
  split(params.field_0, unit, begin);
  split(params.field_1, unit, begin);
  split(params.field_2, unit, begin);
  split(params.field_3, unit, begin);
  split(params.field_4, unit, begin);
}
