// A lane owns four rows and tokens_per_lane tokens (fours of them, one or two); each weight is unpacked once for all tokens and
// each x is loaded once for all rows. With `experts` the tokens are those of a tile: some that chose the same expert. Sums are
// taken in the order of matvec.wgsl, so both give the same bits.
import package::weights::{header_groups, octet, spans, has_minimum};
import package::lib::columns::{
  sums_apart, Extras, extras_of, load, columns_of, sum_own, sums_of_tokens, times_rows,
};
import package::lib::four_rows::{Headers, Scales, rows_of, headers_of, scales_of};
import package::lib::four_sums::{Sums, AllSums, add_sums, store_four};
import package::lib::tiles::{no_entry, tile_at};
import package::lib::token_rows::{fours, last, token_rows};
import package::lib::rows::{owned_rows, elsewhere, first_row, x_places_of};

// What the lanes' f-th four tokens are: entries of the routes, which are rows of y; else tokens.
fn four_entries(tile: u32, f: u32) -> vec4u {
  if (experts) {
    let at = tile_at(tile) + 1u + 4u * f;
    return vec4u(routes[at], routes[at + 1u], routes[at + 2u], routes[at + 3u]);
  }
  return tile * tokens_per_lane + 4u * f + vec4u(0u, 1u, 2u, 3u);
}

// Where their rows of x are. What is no entry takes the first one's, and what comes of it is dropped.
fn places_of(entries: vec4u, first: u32) -> vec4u {
  if (experts) {
    return x_places_of(select(entries, vec4u(first), entries == vec4u(no_entry)));
  }
  return x_places_of(entries);
}

// A quad of weights times four columns.
fn product(w: vec4f, columns: mat4x4f, sum: vec4f) -> vec4f {
  var q = fma(vec4f(w.x), columns[0], sum);
  q = fma(vec4f(w.y), columns[1], q);
  q = fma(vec4f(w.z), columns[2], q);
  return fma(vec4f(w.w), columns[3], q);
}

// A quad of each row.
struct Quads { a: vec4f, b: vec4f, c: vec4f, d: vec4f }

fn add_four(sums: Sums, w: Quads, columns: mat4x4f) -> Sums {
  return Sums(
    product(w.a, columns, sums.a), product(w.b, columns, sums.b),
    product(w.c, columns, sums.c), product(w.d, columns, sums.d),
  );
}

fn add_products(quants: ptr<function, AllSums>, w: Quads, columns: array<mat4x4f, fours>) {
  (*quants)[0] = add_four((*quants)[0], w, columns[0]);
  if (fours == 2u) {
    (*quants)[last] = add_four((*quants)[last], w, columns[last]);
  }
}

fn add_columns(columns: array<mat4x4f, fours>, xs: ptr<function, array<vec4f, fours>>) {
  if (!has_minimum || sums_apart) {
    return;
  }
  (*xs)[0] = (*xs)[0] + columns[0][0] + columns[0][1] + columns[0][2] + columns[0][3];
  if (fours == 2u) {
    (*xs)[last] = (*xs)[last] + columns[last][0] + columns[last][1] + columns[last][2] + columns[last][3];
  }
}

fn scaled_sum(s: vec2f, quants: vec4f, xs: vec4f, extras: Extras, f: u32, sum: vec4f) -> vec4f {
  let products = fma(times_rows(s.x, extras, f), quants, sum);
  if (has_minimum) {
    return fma(vec4f(s.y), xs, products);
  }
  return products;
}

fn add_scaled(sum: ptr<function, AllSums>, f: u32, s: Scales, quants: Sums, xs: vec4f, extras: Extras) {
  let old = (*sum)[f];
  (*sum)[f] = Sums(
    scaled_sum(s.a, quants.a, xs, extras, f, old.a), scaled_sum(s.b, quants.b, xs, extras, f, old.b),
    scaled_sum(s.c, quants.c, xs, extras, f, old.c), scaled_sum(s.d, quants.d, xs, extras, f, old.d),
  );
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.y * workgroup_size + lane;
  var expert = 0u;
  if (experts) {
    if (group.x >= routes[0]) {
      return;
    }
    expert = routes[tile_at(group.x)];
    if (elsewhere(expert)) {
      return;
    }
  }
  let entries = four_entries(group.x, 0u);
  let last_entries = four_entries(group.x, last);
  var places: array<vec4u, fours>;
  places[0] = places_of(entries, entries.x);
  if (fours == 2u) {
    places[last] = places_of(last_entries, entries.x);
  }
  let x_rows = token_rows(places);
  let row_groups = (first_row(expert) + owned_rows(owner)) * params.groups;
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
      for (var span = 0u; span < spans; span++) {
        var quants = AllSums();
        var xs = array<vec4f, fours>();
        var own_sum = 0.0;
        for (var j = 0u; j < 4u / spans; j++) {
          let i = span * (4u / spans) + j;
          let loaded = load(x_rows, g, i);
          if (has_minimum && sums_apart) {
            own_sum = sum_own(own_sum, loaded);
          }
          let a = octet(packed.a, i);
          let b = octet(packed.b, i);
          let c = octet(packed.c, i);
          let d = octet(packed.d, i);
          let low = columns_of(x_rows, loaded, 0u);
          add_products(&quants, Quads(a.low, b.low, c.low, d.low), low);
          add_columns(low, &xs);
          let high = columns_of(x_rows, loaded, 1u);
          add_products(&quants, Quads(a.high, b.high, c.high, d.high), high);
          add_columns(high, &xs);
        }
        if (has_minimum && sums_apart) {
          xs = sums_of_tokens(own_sum, extras, select(0u, 1u + span, spans == 2u));
        }
        let s = scales_of(headers, place, span);
        add_scaled(&sum, 0u, s, quants[0], xs[0], extras);
        if (fours == 2u) {
          add_scaled(&sum, last, s, quants[last], xs[last], extras);
        }
      }
    }
    add_sums(&total, 0u, sum[0]);
    if (fours == 2u) {
      add_sums(&total, last, sum[last]);
    }
  }
  store_four(entries, expert, owner, total[0]);
  if (fours == 2u) {
    store_four(last_entries, expert, owner, total[last]);
  }
}
