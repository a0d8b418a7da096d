// As row_sums.wgsl for one column, with x in bytes: products within a group are summed exactly, as integers.
import package::bindings::{params, workgroup_size, segment_lanes};
import package::weights::{header_groups, spans, has_minimum};
import package::lib::four_rows::{Rows, Headers, rows_of, headers_of, scales_of};
import package::lib::integers::{octet_words, weight_words, sixteen, activation_word, Sixteen, products, whole};
import package::lib::subgroups::{place_of, scalars_of_eight, words_from_eight};
@if(rounds) import package::inputs::staged::staged;
@if(rounds) import package::prologues::int8_round::staged_fours;
@if(!rounds) import package::bindings::x;
@if(!rounds) import package::prologues::int8_round::group_fours;

var<workgroup> segment_sums: array<vec4f, select(workgroup_size, 1u, segment_lanes == 1u)>;

// Where a row's words begin, and the lane's place among those that load for one another.
struct Row { begin: u32, place: u32 }

// The row is the only one in workgroup memory, or begins there in storage.
@if(rounds)
fn row_from(begin: u32) -> Row {
  return Row(0u, place_of(8u));
}

@if(!rounds)
fn row_from(begin: u32) -> Row {
  return Row(begin, place_of(8u));
}

@if(rounds)
fn group_begin(row: Row, group: u32) -> u32 {
  return staged_fours * group;
}

@if(!rounds)
fn group_begin(row: Row, group: u32) -> u32 {
  return row.begin + group_fours * group;
}

@if(!subgroups && rounds)
fn words_at(at: u32) -> vec4u {
  return staged[at];
}

@if(!subgroups && !rounds)
fn words_at(at: u32) -> vec4u {
  return x[at];
}

// One of the four: a driver that tests each word against the buffer's end tests that one alone.
@if(subgroups && rounds)
fn word_at(at: u32, i: u32) -> u32 {
  return staged[at][i];
}

@if(subgroups && !rounds)
fn word_at(at: u32, i: u32) -> u32 {
  return x[at][i];
}

// A group of the row: its integers, and d with the sums.
struct Group { first: Sixteen, second: Sixteen, extras: array<f32, 4> }

@if(subgroups)
fn group_of(row: Row, group: u32) -> Group {
  let begin = group_begin(row, group);
  let words = words_from_eight(word_at(begin + (row.place >> 2u), row.place & 3u));
  let extras = scalars_of_eight(bitcast<f32>(word_at(begin + 2u, row.place & 3u)));
  return Group(
    sixteen(vec4u(words[0], words[1], words[2], words[3])),
    sixteen(vec4u(words[4], words[5], words[6], words[7])),
    array<f32, 4>(extras[0], extras[1], extras[2], extras[3]),
  );
}

@if(!subgroups)
fn group_of(row: Row, group: u32) -> Group {
  let begin = group_begin(row, group);
  let extras = bitcast<vec4f>(words_at(begin + 2u));
  return Group(
    sixteen(words_at(begin)),
    sixteen(words_at(begin + 1u)),
    array<f32, 4>(extras.x, extras.y, extras.z, extras.w),
  );
}

// Four rows' sums of the products of octet i, which is octet `half` of xs.
fn octet_dots(rows: Rows, i: u32, xs: Sixteen, half: u32) -> vec4i {
  let a = weight_words(rows.a, i);
  let b = weight_words(rows.b, i);
  let c = weight_words(rows.c, i);
  let d = weight_words(rows.d, i);
  // Words are named as rows are.
  var dots = word_dots(vec4u(a[0], b[0], c[0], d[0]), xs, half, 0u) + word_dots(vec4u(a[1], b[1], c[1], d[1]), xs, half, 1u);
  if (octet_words == 4u) {
    const k = octet_words - 2u;
    dots += word_dots(vec4u(a[k], b[k], c[k], d[k]), xs, half, k);
    const last = octet_words - 1u;
    dots += word_dots(vec4u(a[last], b[last], c[last], d[last]), xs, half, last);
  }
  return whole(dots, 1u);
}

fn word_dots(w: vec4u, xs: Sixteen, half: u32, k: u32) -> vec4i {
  return whole(products(w, vec4u(activation_word(xs, half, k))), 0u);
}

// The same of octet i and the next.
fn sixteen_dots(rows: Rows, i: u32, xs: Sixteen) -> vec4i {
  return whole(octet_dots(rows, i, xs, 0u) + octet_dots(rows, i + 1u, xs, 1u), 2u);
}

fn segment_sum(rows: vec4u, x_row: Row, segment: u32) -> vec4f {
  var sum = vec4f();
  let first = segment * params.segment_groups;
  let last = min(first + params.segment_groups, params.groups);
  var headers = Headers();
  for (var g = first; g < last; g++) {
    let group = rows * params.groups + g;
    let in_block = g % header_groups;
    if (in_block == 0u || g == first) {
      headers = headers_of(group);
    }
    let packed = rows_of(group);
    let xs = group_of(x_row, g);
    let first = sixteen_dots(packed, 0u, xs.first);
    let second = sixteen_dots(packed, 2u, xs.second);
    for (var span = 0u; span < spans; span++) {
      let s = scales_of(headers, in_block, span);
      let dots = select(select(first, second, span == 1u), first + second, spans == 1u);
      sum = fma(vec4f(s.a.x, s.b.x, s.c.x, s.d.x) * vec4f(xs.extras[0]), vec4f(dots), sum);
      if (has_minimum) {
        let x_sum = select(xs.extras[spans], xs.extras[3], span == 1u);
        sum = fma(vec4f(s.a.y, s.b.y, s.c.y, s.d.y), vec4f(x_sum), sum);
      }
    }
  }
  return sum;
}

// As there, of the only column.
fn row_sums(rows: vec4u, xs: array<Row, 1>, lane: u32) -> array<vec4f, 1> {
  var total = vec4f();
  if (segment_lanes == 1u) {
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sum(rows, xs[0], segment);
    }
    return array<vec4f, 1>(total);
  }
  segment_sums[lane] = segment_sum(rows, xs[0], lane % 8u);
  workgroupBarrier();
  if (holds_column(0u, lane)) {
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sums[lane + segment];
    }
  }
  return array<vec4f, 1>(total);
}

fn holds_column(column: u32, lane: u32) -> bool {
  return segment_lanes == 1u || lane % 8u == column;
}
