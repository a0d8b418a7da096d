// A lane owns rows_per_lane rows and tokens_per_lane tokens (fours of them); each weight is unpacked once for all tokens
// and each x is loaded once for all rows. With `experts` the tokens are those of a tile: some that chose the same expert.
// Sums are taken in the order of matvec.wgsl, so both give the same bits.
import package::weights::{Header, Packed, header, header_groups, fetch, octet, scale, spans, has_minimum};
import package::lib::columns::{
  fours, sums_apart, rows_at, extras_of, load, columns_of, sum_own, sums_of_tokens, times_rows,
};
import package::lib::tiles::{no_entry, tile_at};
import package::lib::rows::{owned_row, elsewhere, first_row, x_places_of, store, store_gated};

const sums_per_lane = rows_per_lane * fours;

// What the lanes' f-th four tokens are: entries of the routes, which are rows of y; else tokens.
fn four_entries(tile: u32, f: u32) -> vec4u {
  if (experts) {
    let at = tile_at(tile) + 1u + 4u * f;
    return vec4u(routes[at], routes[at + 1u], routes[at + 2u], routes[at + 3u]);
  }
  return tile * tokens_per_lane + 4u * f + vec4u(0u, 1u, 2u, 3u);
}

// Four columns' products with one quad of an octet's weights, 0 or 1.
fn add_products(
  packed: ptr<function, array<Packed, rows_per_lane>>,
  i: u32,
  quad: u32,
  columns: array<mat4x4f, fours>,
  quants: ptr<function, array<vec4f, sums_per_lane>>,
) {
  for (var r = 0u; r < rows_per_lane; r++) {
    let both = octet((*packed)[r], i);
    let w = select(both.low, both.high, quad == 1u);
    for (var f = 0u; f < fours; f++) {
      var q = (*quants)[r * fours + f];
      q = fma(vec4f(w.x), columns[f][0], q);
      q = fma(vec4f(w.y), columns[f][1], q);
      q = fma(vec4f(w.z), columns[f][2], q);
      q = fma(vec4f(w.w), columns[f][3], q);
      (*quants)[r * fours + f] = q;
    }
  }
}

fn add_columns(columns: array<mat4x4f, fours>, xs: ptr<function, array<vec4f, fours>>) {
  if (!has_minimum || sums_apart) {
    return;
  }
  for (var f = 0u; f < fours; f++) {
    (*xs)[f] = (*xs)[f] + columns[f][0] + columns[f][1] + columns[f][2] + columns[f][3];
  }
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
  var entries: array<vec4u, fours>;
  var places: array<vec4u, fours>;
  for (var f = 0u; f < fours; f++) {
    entries[f] = four_entries(group.x, f);
    var known = entries[f];
    if (experts) {
      // Others take the first one's row, and drop what comes of it.
      known = select(known, vec4u(entries[0].x), known == vec4u(no_entry));
    }
    places[f] = x_places_of(known);
  }
  let x_rows = rows_at(places);
  var row_group: array<u32, rows_per_lane>;
  for (var r = 0u; r < rows_per_lane; r++) {
    row_group[r] = (first_row(expert) + owned_row(owner, r, rows_per_lane)) * params.groups;
  }
  var total: array<vec4f, sums_per_lane>;
  for (var segment = 0u; segment < 8u; segment++) {
    var sum = array<vec4f, sums_per_lane>();
    let first = segment * params.segment_groups;
    let last = min(first + params.segment_groups, params.groups);
    var headers = array<Header, rows_per_lane>();
    for (var g = first; g < last; g++) {
      if (g % header_groups == 0u || g == first) {
        for (var r = 0u; r < rows_per_lane; r++) {
          headers[r] = header(row_group[r] + g);
        }
      }
      var packed: array<Packed, rows_per_lane>;
      for (var r = 0u; r < rows_per_lane; r++) {
        packed[r] = fetch(row_group[r] + g);
      }
      let extras = extras_of(x_rows, g);
      for (var span = 0u; span < spans; span++) {
        var quants = array<vec4f, sums_per_lane>();
        var xs = array<vec4f, fours>();
        var own_sum = 0.0;
        for (var j = 0u; j < 4u / spans; j++) {
          let i = span * (4u / spans) + j;
          let loaded = load(x_rows, g, i);
          if (has_minimum && sums_apart) {
            own_sum = sum_own(own_sum, loaded);
          }
          let low = columns_of(x_rows, loaded, 0u);
          add_products(&packed, i, 0u, low, &quants);
          add_columns(low, &xs);
          let high = columns_of(x_rows, loaded, 1u);
          add_products(&packed, i, 1u, high, &quants);
          add_columns(high, &xs);
        }
        if (sums_apart) {
          xs = sums_of_tokens(own_sum, extras, select(0u, 1u + span, spans == 2u));
        }
        for (var r = 0u; r < rows_per_lane; r++) {
          let s = scale(headers[r], g % header_groups, span);
          for (var f = 0u; f < fours; f++) {
            let at = r * fours + f;
            sum[at] = fma(times_rows(s.x, extras, f), quants[at], sum[at]);
            if (has_minimum) {
              sum[at] = fma(vec4f(s.y), xs[f], sum[at]);
            }
          }
        }
      }
    }
    for (var i = 0u; i < sums_per_lane; i++) {
      total[i] += sum[i];
    }
  }
  for (var f = 0u; f < fours; f++) {
    for (var t = 0u; t < 4u; t++) {
      let entry = entries[f][t];
      if (experts && entry == no_entry) {
        continue;
      }
      if (gated) {
        let pairs = rows_per_lane / 2u;
        for (var r = 0u; r < pairs; r++) {
          store_gated(entry, expert, owner * pairs + r, total[r * fours + f][t], total[(pairs + r) * fours + f][t]);
        }
      } else {
        for (var r = 0u; r < rows_per_lane; r++) {
          store(entry, expert, owner * rows_per_lane + r, total[r * fours + f][t]);
        }
      }
    }
  }
}
