// Activations of the tokens of a lane of matmul, four columns at a time, which all lanes of a workgroup want. With `subgroups` a
// lane loads for eight: of four tokens two quads of one, of eight tokens those of one token in turn. In the latter case it also
// sums that one for all lanes. With `half_rows` rows are what half_rows.wgsl has written, their sums among them.
import package::bindings::{x, tokens_per_lane};
@if(!half_rows) import package::bindings::subgroups;
import package::lib::activations::{Quads, quads_of_four};
import package::lib::subgroups::{place_of_eight, of_eight, scalars_of_eight};

const fours = tokens_per_lane / 4u;
// Whether a lane does not sum each of its tokens.
@if(!half_rows) const sums_apart = subgroups && tokens_per_lane == 8u;
@if(half_rows) const sums_apart = true;

// Where a lane finds the rows of its tokens: of each four, or of the one token that it loads.
struct Rows { fours: array<Quads, fours>, own: u32 }

fn rows_at(places: array<vec4u, fours>) -> Rows {
  let place = place_of_eight();
  var rows: Rows;
  for (var f = 0u; f < fours; f++) {
    rows.fours[f] = quads_of_four(places[f], place);
  }
  rows.own = select(places[0], places[fours - 1u], place >= 4u)[place & 3u];
  return rows;
}

fn by_columns(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> mat4x4f {
  return transpose(mat4x4f(a, b, c, d));
}

// What a group has beside its values: of each token d, and d times the sum of the group and of its halves.
@if(half_rows) alias Extras = array<mat4x4f, fours>;
@if(!half_rows) alias Extras = u32;

@if(half_rows)
fn extras_of(rows: Rows, group: u32) -> Extras {
  var extras: Extras;
  for (var f = 0u; f < fours; f++) {
    let a = rows.fours[f] + 5u * group + 4u;
    extras[f] = by_columns(
      bitcast<vec4f>(x[a.x]), bitcast<vec4f>(x[a.y]), bitcast<vec4f>(x[a.z]), bitcast<vec4f>(x[a.w]),
    );
  }
  return extras;
}

@if(!half_rows)
fn extras_of(rows: Rows, group: u32) -> Extras {
  return group;
}

// A weight's scale times those of four tokens.
@if(half_rows)
fn times_rows(scale: f32, extras: Extras, f: u32) -> vec4f {
  return scale * extras[f][0];
}

@if(!half_rows)
fn times_rows(scale: f32, extras: Extras, f: u32) -> vec4f {
  return vec4f(scale);
}

// What a lane loads of two quads that follow one another: octet i of a group.
@if(subgroups)
struct Loaded { fours: array<vec4f, fours>, low: vec4f, high: vec4f }

@if(half_rows)
alias Loaded = array<array<vec4u, 4>, fours>;

@if(!subgroups && !half_rows)
alias Loaded = u32;

@if(subgroups)
fn load(rows: Rows, group: u32, i: u32) -> Loaded {
  let at = 8u * group + 2u * i;
  var loaded: Loaded;
  if (sums_apart) {
    loaded.low = x[rows.own + at];
    loaded.high = x[rows.own + at + 1u];
  } else {
    for (var f = 0u; f < fours; f++) {
      loaded.fours[f] = x[rows.fours[f] + at];
    }
  }
  return loaded;
}

@if(half_rows)
fn load(rows: Rows, group: u32, i: u32) -> Loaded {
  var loaded: Loaded;
  for (var f = 0u; f < fours; f++) {
    let a = rows.fours[f] + 5u * group + i;
    loaded[f] = array<vec4u, 4>(x[a.x], x[a.y], x[a.z], x[a.w]);
  }
  return loaded;
}

@if(!subgroups && !half_rows)
fn load(rows: Rows, group: u32, i: u32) -> Loaded {
  return 8u * group + 2u * i;
}

// The columns of one of the quads, 0 or 1, for each four tokens.
@if(subgroups)
fn columns_of(rows: Rows, loaded: Loaded, quad: u32) -> array<mat4x4f, fours> {
  var columns: array<mat4x4f, fours>;
  if (sums_apart) {
    let each = of_eight(select(loaded.low, loaded.high, quad == 1u));
    columns[0] = by_columns(each[0], each[1], each[2], each[3]);
    columns[fours - 1u] = by_columns(each[4], each[5], each[6], each[7]);
  } else {
    for (var f = 0u; f < fours; f++) {
      let each = of_eight(loaded.fours[f]);
      columns[f] = by_columns(each[quad], each[2u + quad], each[4u + quad], each[6u + quad]);
    }
  }
  return columns;
}

@if(half_rows)
fn columns_of(rows: Rows, loaded: Loaded, quad: u32) -> array<mat4x4f, fours> {
  var columns: array<mat4x4f, fours>;
  for (var f = 0u; f < fours; f++) {
    let each = loaded[f];
    columns[f] = by_columns(
      quad_of(each[0], quad), quad_of(each[1], quad), quad_of(each[2], quad), quad_of(each[3], quad),
    );
  }
  return columns;
}

@if(half_rows)
fn quad_of(octet: vec4u, quad: u32) -> vec4f {
  let words = select(octet.xy, octet.zw, quad == 1u);
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}

@if(!subgroups && !half_rows)
fn columns_of(rows: Rows, loaded: Loaded, quad: u32) -> array<mat4x4f, fours> {
  var columns: array<mat4x4f, fours>;
  for (var f = 0u; f < fours; f++) {
    let a = rows.fours[f] + loaded + quad;
    columns[f] = by_columns(x[a.x], x[a.y], x[a.z], x[a.w]);
  }
  return columns;
}

// The sum of the token that the lane sums, with the quads added one value after the other.
@if(subgroups)
fn sum_own(sum: f32, loaded: Loaded) -> f32 {
  let first = sum + loaded.low.x + loaded.low.y + loaded.low.z + loaded.low.w;
  return first + loaded.high.x + loaded.high.y + loaded.high.z + loaded.high.w;
}

@if(!subgroups)
fn sum_own(sum: f32, loaded: Loaded) -> f32 {
  return sum;
}

// The sums for each four tokens: of a group, or of its first or second half.
@if(subgroups)
fn sums_of_tokens(own: f32, extras: Extras, part: u32) -> array<vec4f, fours> {
  let each = scalars_of_eight(own);
  var sums: array<vec4f, fours>;
  sums[0] = vec4f(each[0], each[1], each[2], each[3]);
  sums[fours - 1u] = vec4f(each[4], each[5], each[6], each[7]);
  return sums;
}

@if(half_rows)
fn sums_of_tokens(own: f32, extras: Extras, part: u32) -> array<vec4f, fours> {
  var sums: array<vec4f, fours>;
  for (var f = 0u; f < fours; f++) {
    sums[f] = extras[f][1u + part];
  }
  return sums;
}

@if(!subgroups && !half_rows)
fn sums_of_tokens(own: f32, extras: Extras, part: u32) -> array<vec4f, fours> {
  return array<vec4f, fours>();
}
