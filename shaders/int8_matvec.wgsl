// As matvec.wgsl, with x in bytes: products within a group are summed exactly, as integers.
import package::weights::{header_groups, spans, has_minimum};
import package::lib::four_rows::{Rows, Headers, rows_of, headers_of, scales_of};
import package::lib::integers::{octet_words, weight_words, activation_word, Sixteen, products, whole};
import package::lib::int8_activations::row_group;
import package::lib::subgroups::place_of;
import package::lib::rows::{owned_rows, x_places_of, store_rows};

var<workgroup> segment_sums: array<vec4f, select(workgroup_size, 1u, segment_lanes == 1u)>;

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

fn segment_sum(rows: vec4u, x_row: u32, place: u32, segment: u32) -> vec4f {
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
    let xs = row_group(x_row + 3u * g, place);
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

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.x * (workgroup_size / segment_lanes) + lane / segment_lanes;
  let token = group.y;
  let rows = owned_rows(owner);
  let x_row = x_places_of(vec4u(token)).x;
  let place = place_of(8u);
  var total = vec4f();
  if (segment_lanes == 1u) {
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sum(rows, x_row, place, segment);
    }
  } else {
    segment_sums[lane] = segment_sum(rows, x_row, place, lane % 8u);
    workgroupBarrier();
    if (lane % 8u != 0u) {
      return;
    }
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sums[lane + segment];
    }
  }
  store_rows(token, 0u, owner, total);
}
