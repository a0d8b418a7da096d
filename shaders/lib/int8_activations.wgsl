// Groups of activations as int8_rows.wgsl writes them, of a lane's tokens: two fours of words with sixteen
// integers each, and one with the scale and the sums.
import package::bindings::x;
import package::weights::{spans, has_minimum};
@if(!subgroups) import package::lib::extras::four_extras;
import package::lib::integers::{Sixteen, sixteen, activation_word};
import package::lib::subgroups::{
  scalars_of_four, scalars_of_next_four, words_from_four, words_from_next_four,
};
import package::lib::token_rows::{fours, last, TokenRows};

// What each token has beside its integers: d, and its products with the sums of a group's spans, of the first and of the second.
struct Extras { d: array<vec4f, fours>, first: array<vec4f, fours>, second: array<vec4f, fours> }

@if(subgroups)
fn extras_of(rows: TokenRows, group: u32) -> Extras {
  let mine = bitcast<vec4f>(x[rows + 3u * group + 2u]);
  var extras: Extras;
  extras.d = from_lanes(mine.x);
  if (has_minimum && spans == 1u) {
    extras.first = from_lanes(mine.y);
  } else if (has_minimum) {
    extras.first = from_lanes(mine.z);
    extras.second = from_lanes(mine.w);
  }
  return extras;
}

@if(subgroups)
fn from_lanes(mine: f32) -> array<vec4f, fours> {
  var all: array<vec4f, fours>;
  all[0] = scalars_of_four(mine);
  if (fours == 2u) {
    all[last] = scalars_of_next_four(mine);
  }
  return all;
}

@if(!subgroups)
fn extras_of(rows: TokenRows, group: u32) -> Extras {
  var extras: Extras;
  let four = four_extras(rows[0] + 3u * group + 2u);
  extras.d[0] = four[0];
  extras.first[0] = four[spans];
  extras.second[0] = four[3];
  if (fours == 2u) {
    let next = four_extras(rows[last] + 3u * group + 2u);
    extras.d[last] = next[0];
    extras.first[last] = next[spans];
    extras.second[last] = next[3];
  }
  return extras;
}

// Sixteen integers of each token; with subgroups, of this lane's.
@if(subgroups) alias Sixteens = Sixteen;
@if(!subgroups) alias Sixteens = array<FourSixteens, fours>;
struct FourSixteens { a: Sixteen, b: Sixteen, c: Sixteen, d: Sixteen }

@if(subgroups)
fn sixteens_of(rows: TokenRows, group: u32, half: u32) -> Sixteens {
  return sixteen(x[rows + 3u * group + half]);
}

@if(!subgroups)
fn sixteens_of(rows: TokenRows, group: u32, half: u32) -> Sixteens {
  var all: Sixteens;
  all[0] = four_sixteens(rows[0] + 3u * group + half);
  if (fours == 2u) {
    all[last] = four_sixteens(rows[last] + 3u * group + half);
  }
  return all;
}

@if(!subgroups)
fn four_sixteens(a: vec4u) -> FourSixteens {
  return FourSixteens(sixteen(x[a.x]), sixteen(x[a.y]), sixteen(x[a.z]), sixteen(x[a.w]));
}

// Word k of the octet 0 or 1 of each token's sixteen.
@if(subgroups)
fn words_of(all: Sixteens, octet: u32, k: u32) -> array<vec4u, fours> {
  let mine = activation_word(all, octet, k);
  var words: array<vec4u, fours>;
  words[0] = words_from_four(mine);
  if (fours == 2u) {
    words[last] = words_from_next_four(mine);
  }
  return words;
}

@if(!subgroups)
fn words_of(all: Sixteens, octet: u32, k: u32) -> array<vec4u, fours> {
  var words: array<vec4u, fours>;
  words[0] = four_words(all[0], octet, k);
  if (fours == 2u) {
    words[last] = four_words(all[last], octet, k);
  }
  return words;
}

@if(!subgroups)
fn four_words(each: FourSixteens, octet: u32, k: u32) -> vec4u {
  return vec4u(
    activation_word(each.a, octet, k), activation_word(each.b, octet, k),
    activation_word(each.c, octet, k), activation_word(each.d, octet, k),
  );
}
