// Activations of the tokens of a lane of matmul, four columns at a time. With `subgroups` a lane also sums the token that it loads
// for all. With `half_rows` rows are what half_rows.wgsl has written, their sums among them.
import package::bindings::x;
@if(!half_rows) import package::bindings::subgroups;
@if(half_rows) import package::lib::extras::four_extras;
import package::lib::subgroups::{of_four, of_next_four, scalars_of_four, scalars_of_next_four};
import package::lib::token_rows::{fours, last, TokenRows};

// Whether a lane does not sum each of its tokens.
@if(!half_rows) const sums_apart = subgroups;
@if(half_rows) const sums_apart = true;

fn by_columns(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> mat4x4f {
  return transpose(mat4x4f(a, b, c, d));
}

// What a group has beside its values: of each token d, and d times the sum of the group and of its halves.
@if(half_rows) alias Extras = array<mat4x4f, fours>;
@if(!half_rows) alias Extras = u32;

@if(half_rows)
fn extras_of(rows: TokenRows, group: u32) -> Extras {
  var extras: Extras;
  extras[0] = four_extras(rows[0] + 5u * group + 4u);
  if (fours == 2u) {
    extras[last] = four_extras(rows[last] + 5u * group + 4u);
  }
  return extras;
}

@if(!half_rows)
fn extras_of(rows: TokenRows, group: u32) -> Extras {
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
@if(subgroups) struct Loaded { low: vec4f, high: vec4f }
@if(half_rows) alias Loaded = array<array<vec4u, 4>, fours>;
@if(!subgroups && !half_rows) alias Loaded = u32;

@if(subgroups)
fn load(rows: TokenRows, group: u32, i: u32) -> Loaded {
  let at = rows + 8u * group + 2u * i;
  return Loaded(x[at], x[at + 1u]);
}

@if(half_rows)
fn load(rows: TokenRows, group: u32, i: u32) -> Loaded {
  var loaded: Loaded;
  loaded[0] = four_octets(rows[0] + 5u * group + i);
  if (fours == 2u) {
    loaded[last] = four_octets(rows[last] + 5u * group + i);
  }
  return loaded;
}

@if(half_rows)
fn four_octets(a: vec4u) -> array<vec4u, 4> {
  return array<vec4u, 4>(x[a.x], x[a.y], x[a.z], x[a.w]);
}

@if(!subgroups && !half_rows)
fn load(rows: TokenRows, group: u32, i: u32) -> Loaded {
  return 8u * group + 2u * i;
}

// The columns of one of the quads, 0 or 1, for each four tokens.
@if(subgroups)
fn columns_of(rows: TokenRows, loaded: Loaded, quad: u32) -> array<mat4x4f, fours> {
  let mine = select(loaded.low, loaded.high, quad == 1u);
  var columns: array<mat4x4f, fours>;
  columns[0] = in_columns(of_four(mine));
  if (fours == 2u) {
    columns[last] = in_columns(of_next_four(mine));
  }
  return columns;
}

@if(subgroups)
fn in_columns(quads: array<vec4f, 4>) -> mat4x4f {
  return by_columns(quads[0], quads[1], quads[2], quads[3]);
}

@if(!subgroups)
fn columns_of(rows: TokenRows, loaded: Loaded, quad: u32) -> array<mat4x4f, fours> {
  var columns: array<mat4x4f, fours>;
  columns[0] = four_columns(rows[0], loaded, 0u, quad);
  if (fours == 2u) {
    columns[last] = four_columns(rows[last], loaded, last, quad);
  }
  return columns;
}

@if(half_rows)
fn four_columns(rows: vec4u, loaded: Loaded, f: u32, quad: u32) -> mat4x4f {
  let each = loaded[f];
  return by_columns(quad_of(each[0], quad), quad_of(each[1], quad), quad_of(each[2], quad), quad_of(each[3], quad));
}

@if(half_rows)
fn quad_of(octet: vec4u, quad: u32) -> vec4f {
  let words = select(octet.xy, octet.zw, quad == 1u);
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}

@if(!subgroups && !half_rows)
fn four_columns(rows: vec4u, loaded: Loaded, f: u32, quad: u32) -> mat4x4f {
  let a = rows + loaded + quad;
  return by_columns(x[a.x], x[a.y], x[a.z], x[a.w]);
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
  var sums: array<vec4f, fours>;
  sums[0] = scalars_of_four(own);
  if (fours == 2u) {
    sums[last] = scalars_of_next_four(own);
  }
  return sums;
}

@if(half_rows)
fn sums_of_tokens(own: f32, extras: Extras, part: u32) -> array<vec4f, fours> {
  var sums: array<vec4f, fours>;
  sums[0] = extras[0][1u + part];
  if (fours == 2u) {
    sums[last] = extras[last][1u + part];
  }
  return sums;
}

@if(!subgroups && !half_rows)
fn sums_of_tokens(own: f32, extras: Extras, part: u32) -> array<vec4f, fours> {
  return array<vec4f, fours>();
}
