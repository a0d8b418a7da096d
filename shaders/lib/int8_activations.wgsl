// Groups of activations as int8_rows.wgsl writes them, of eight rows or of one, that every lane of a workgroup wants.
import package::bindings::x;
import package::lib::subgroups::{scalars_of_eight, words_from_eight};

// Where eight rows begin; with subgroups, the one that this lane loads of.
@if(subgroups) alias EightRows = u32;
@if(!subgroups) struct EightRows { first: vec4u, second: vec4u }

@if(subgroups)
fn eight_rows(first: vec4u, second: vec4u, place: u32) -> EightRows {
  return select(first, second, place >= 4u)[place & 3u];
}

@if(!subgroups)
fn eight_rows(first: vec4u, second: vec4u, place: u32) -> EightRows {
  return EightRows(first, second);
}

// Four words of each of eight rows; with subgroups, of this lane's row.
@if(subgroups) alias EightFours = vec4u;
@if(!subgroups) alias EightFours = array<vec4u, 8>;

@if(subgroups)
fn eight_fours(rows: EightRows, at: u32) -> EightFours {
  return x[rows + at];
}

@if(!subgroups)
fn eight_fours(rows: EightRows, at: u32) -> EightFours {
  let a = rows.first + at;
  let b = rows.second + at;
  return array<vec4u, 8>(x[a.x], x[a.y], x[a.z], x[a.w], x[b.x], x[b.y], x[b.z], x[b.w]);
}

// Word i of each row's four.
@if(subgroups)
fn words_of_eight(fours: EightFours, i: u32) -> array<u32, 8> {
  return words_from_eight(fours[i]);
}

@if(!subgroups)
fn words_of_eight(fours: EightFours, i: u32) -> array<u32, 8> {
  var words: array<u32, 8>;
  for (var t = 0u; t < 8u; t++) {
    words[t] = fours[t][i];
  }
  return words;
}

// The float that is word i of each row's four at `at`.
@if(subgroups)
fn scalars_of_rows(rows: EightRows, at: u32, i: u32) -> array<vec4f, 2> {
  let s = scalars_of_eight(bitcast<f32>(x[rows + at][i]));
  return array<vec4f, 2>(vec4f(s[0], s[1], s[2], s[3]), vec4f(s[4], s[5], s[6], s[7]));
}

@if(!subgroups)
fn scalars_of_rows(rows: EightRows, at: u32, i: u32) -> array<vec4f, 2> {
  let a = rows.first + at;
  let b = rows.second + at;
  return array<vec4f, 2>(
    bitcast<vec4f>(vec4u(x[a.x][i], x[a.y][i], x[a.z][i], x[a.w][i])),
    bitcast<vec4f>(vec4u(x[b.x][i], x[b.y][i], x[b.z][i], x[b.w][i])),
  );
}

// One row's group: the words of its values, and d with the sums.
struct RowGroup { words: array<u32, 8>, extras: array<f32, 4> }

@if(subgroups)
fn row_group(begin: u32, place: u32) -> RowGroup {
  let extras = scalars_of_eight(bitcast<f32>(x[begin + 2u][place & 3u]));
  return RowGroup(
    words_from_eight(x[begin + (place >> 2u)][place & 3u]),
    array<f32, 4>(extras[0], extras[1], extras[2], extras[3]),
  );
}

@if(!subgroups)
fn row_group(begin: u32, place: u32) -> RowGroup {
  let a = x[begin];
  let b = x[begin + 1u];
  let extras = bitcast<vec4f>(x[begin + 2u]);
  return RowGroup(
    array<u32, 8>(a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w),
    array<f32, 4>(extras.x, extras.y, extras.z, extras.w),
  );
}
