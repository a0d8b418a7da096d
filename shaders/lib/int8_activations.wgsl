// Groups of activations as int8_rows.wgsl writes them, of eight rows or of one, that every lane of a workgroup wants: two
// fours of words with sixteen integers each, and one with the scale and the sums.
import package::bindings::x;
import package::lib::integers::{Sixteen, sixteen, activation_word};
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

// Float i of each row's four, of the first four rows and of the others.
@if(subgroups)
fn floats_of_eight(fours: EightFours, i: u32) -> array<vec4f, 2> {
  let all = scalars_of_eight(bitcast<f32>(fours[i]));
  return array<vec4f, 2>(vec4f(all[0], all[1], all[2], all[3]), vec4f(all[4], all[5], all[6], all[7]));
}

@if(!subgroups)
fn floats_of_eight(fours: EightFours, i: u32) -> array<vec4f, 2> {
  return array<vec4f, 2>(
    bitcast<vec4f>(vec4u(fours[0][i], fours[1][i], fours[2][i], fours[3][i])),
    bitcast<vec4f>(vec4u(fours[4][i], fours[5][i], fours[6][i], fours[7][i])),
  );
}

// Sixteen integers of each of eight rows; with subgroups, of this lane's row.
@if(subgroups) alias EightSixteens = Sixteen;
@if(!subgroups) alias EightSixteens = array<Sixteen, 8>;

@if(subgroups)
fn eight_sixteens(fours: EightFours) -> EightSixteens {
  return sixteen(fours);
}

@if(!subgroups)
fn eight_sixteens(fours: EightFours) -> EightSixteens {
  return EightSixteens(
    sixteen(fours[0]), sixteen(fours[1]), sixteen(fours[2]), sixteen(fours[3]),
    sixteen(fours[4]), sixteen(fours[5]), sixteen(fours[6]), sixteen(fours[7]),
  );
}

// Word k of the octet 0 or 1 of each row's sixteen.
@if(subgroups)
fn words_of_eight(x: EightSixteens, octet: u32, k: u32) -> array<vec4u, 2> {
  let all = words_from_eight(activation_word(x, octet, k));
  return array<vec4u, 2>(vec4u(all[0], all[1], all[2], all[3]), vec4u(all[4], all[5], all[6], all[7]));
}

@if(!subgroups)
fn words_of_eight(x: EightSixteens, octet: u32, k: u32) -> array<vec4u, 2> {
  return array<vec4u, 2>(
    vec4u(
      activation_word(x[0], octet, k), activation_word(x[1], octet, k),
      activation_word(x[2], octet, k), activation_word(x[3], octet, k),
    ),
    vec4u(
      activation_word(x[4], octet, k), activation_word(x[5], octet, k),
      activation_word(x[6], octet, k), activation_word(x[7], octet, k),
    ),
  );
}

// One row's group: its integers, and d with the sums.
struct RowGroup { first: Sixteen, second: Sixteen, extras: array<f32, 4> }

@if(subgroups)
fn row_group(begin: u32, place: u32) -> RowGroup {
  let words = words_from_eight(x[begin + (place >> 2u)][place & 3u]);
  let extras = scalars_of_eight(bitcast<f32>(x[begin + 2u][place & 3u]));
  return RowGroup(
    sixteen(vec4u(words[0], words[1], words[2], words[3])),
    sixteen(vec4u(words[4], words[5], words[6], words[7])),
    array<f32, 4>(extras[0], extras[1], extras[2], extras[3]),
  );
}

@if(!subgroups)
fn row_group(begin: u32, place: u32) -> RowGroup {
  let extras = bitcast<vec4f>(x[begin + 2u]);
  return RowGroup(
    sixteen(x[begin]),
    sixteen(x[begin + 1u]),
    array<f32, 4>(extras.x, extras.y, extras.z, extras.w),
  );
}
