// A lane owns four rows and tokens_per_lane tokens (fours of them, one or two), of which it has whole numbers in bytes: each weight is
// unpacked once for all tokens and each x loaded once for all rows. Products within a group are summed exactly, as integers, groups
// as matmul.wgsl does it.
import package::weights::{header_groups, spans, has_minimum};
import package::lib::four_rows::{Rows, Headers, Scales, rows_of, headers_of, scales_of};
import package::lib::four_sums::{Sums, AllSums, add_sums, store_four};
import package::lib::integers::{OctetWords, octet_words, weight_words, products, whole};
import package::lib::int8_activations::{Extras, Sixteens, extras_of, sixteens_of, words_of};
import package::lib::rows::{owned_rows, x_places_of};
import package::lib::token_rows::{fours, last, token_rows};

// Of four rows, each for four tokens.
struct Dots { a: vec4i, b: vec4i, c: vec4i, d: vec4i }
alias AllDots = array<Dots, fours>;

// An octet of each row as words, and of each token.
struct Words { a: OctetWords, b: OctetWords, c: OctetWords, d: OctetWords }
struct Columns { a: array<vec4u, fours>, b: array<vec4u, fours>, c: array<vec4u, fours>, d: array<vec4u, fours> }

fn columns_of(xs: Sixteens, octet: u32) -> Columns {
  var columns: Columns;
  columns.a = words_of(xs, octet, 0u);
  columns.b = words_of(xs, octet, 1u);
  if (octet_words == 4u) {
    columns.c = words_of(xs, octet, octet_words - 2u);
    columns.d = words_of(xs, octet, octet_words - 1u);
  }
  return columns;
}

// Eight products of a row with each of four tokens.
fn dot_of(w: OctetWords, columns: Columns, f: u32) -> vec4i {
  var dot = whole(products(vec4u(w[0]), columns.a[f]), 0u) + whole(products(vec4u(w[1]), columns.b[f]), 0u);
  if (octet_words == 4u) {
    dot += whole(products(vec4u(w[octet_words - 2u]), columns.c[f]), 0u);
    dot += whole(products(vec4u(w[octet_words - 1u]), columns.d[f]), 0u);
  }
  return whole(dot, 1u);
}

fn dots_of(w: Words, columns: Columns, f: u32) -> Dots {
  return Dots(dot_of(w.a, columns, f), dot_of(w.b, columns, f), dot_of(w.c, columns, f), dot_of(w.d, columns, f));
}

fn both(one: Dots, other: Dots) -> Dots {
  return Dots(
    whole(one.a + other.a, 2u), whole(one.b + other.b, 2u), whole(one.c + other.c, 2u), whole(one.d + other.d, 2u),
  );
}

fn added(one: Dots, other: Dots) -> Dots {
  return Dots(one.a + other.a, one.b + other.b, one.c + other.c, one.d + other.d);
}

fn words_at(packed: Rows, i: u32) -> Words {
  return Words(
    weight_words(packed.a, i), weight_words(packed.b, i), weight_words(packed.c, i), weight_words(packed.d, i),
  );
}

// Adds sixteen products to each sum: those of octet i and the next.
fn add_sixteen(dots: ptr<function, AllDots>, packed: Rows, i: u32, xs: Sixteens) {
  let first = words_at(packed, i);
  let second = words_at(packed, i + 1u);
  let low = columns_of(xs, 0u);
  let high = columns_of(xs, 1u);
  (*dots)[0] = added((*dots)[0], both(dots_of(first, low, 0u), dots_of(second, high, 0u)));
  if (fours == 2u) {
    (*dots)[last] = added((*dots)[last], both(dots_of(first, low, last), dots_of(second, high, last)));
  }
}

// Adds a span's products, times its scales and d, and the sums of x.
fn scaled_sum(s: vec2f, dots: vec4i, d: vec4f, xs: vec4f, sum: vec4f) -> vec4f {
  let scaled = fma(vec4f(s.x) * d, vec4f(dots), sum);
  if (has_minimum) {
    return fma(vec4f(s.y), xs, scaled);
  }
  return scaled;
}

fn add_scaled(sum: ptr<function, AllSums>, f: u32, s: Scales, dots: Dots, d: vec4f, xs: vec4f) {
  let old = (*sum)[f];
  (*sum)[f] = Sums(
    scaled_sum(s.a, dots.a, d, xs, old.a), scaled_sum(s.b, dots.b, d, xs, old.b),
    scaled_sum(s.c, dots.c, d, xs, old.c), scaled_sum(s.d, dots.d, d, xs, old.d),
  );
}

fn sums_of_span(extras: Extras, span: u32, f: u32) -> vec4f {
  return select(extras.first[f], extras.second[f], span == 1u);
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.y * workgroup_size + lane;
  let token = group.x * tokens_per_lane;
  let four = token + vec4u(0u, 1u, 2u, 3u);
  var places: array<vec4u, fours>;
  places[0] = x_places_of(four);
  if (fours == 2u) {
    places[last] = x_places_of(four + 4u);
  }
  let x_rows = token_rows(places);
  let row_groups = owned_rows(owner) * params.groups;
  var total: AllSums;
  for (var segment = 0u; segment < 8u; segment++) {
    var sum = AllSums();
    let first = segment * params.segment_groups;
    let end = min(first + params.segment_groups, params.groups);
    var headers = Headers();
    for (var g = first; g < end; g++) {
      let place = g % header_groups;
      if (place == 0u || g == first) {
        headers = headers_of(row_groups + g);
      }
      let packed = rows_of(row_groups + g);
      let extras = extras_of(x_rows, g);
      var dots = AllDots();
      for (var half = 0u; half < 2u; half++) {
        add_sixteen(&dots, packed, 2u * half, sixteens_of(x_rows, g, half));
        if (spans == 1u && half == 0u) {
          continue;
        }
        let span = select(0u, half, spans == 2u);
        let s = scales_of(headers, place, span);
        add_scaled(&sum, 0u, s, dots[0], extras.d[0], sums_of_span(extras, span, 0u));
        if (fours == 2u) {
          add_scaled(&sum, last, s, dots[last], extras.d[last], sums_of_span(extras, span, last));
        }
        dots = AllDots();
      }
    }
    add_sums(&total, 0u, sum[0]);
    if (fours == 2u) {
      add_sums(&total, last, sum[last]);
    }
  }
  store_four(four, 0u, owner, total[0]);
  if (fours == 2u) {
    store_four(four + 4u, 0u, owner, total[last]);
  }
}
