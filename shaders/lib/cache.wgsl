// A layer's KV cache: regions, each K or V of one block and one kv head, K's first. Elements are f32, packed f16, or
// bytes or nibbles with a scale and a minimum for each token, behind the elements, both as bfloat16.
//
// Keys lie quad by quad, [head_quads, block_size], so that lanes with neighbouring keys read neighbouring words; values
// lie token by token, [block_size, value_quads], since lanes with neighbouring quads read those. Two quads of nibbles
// share a word. A latent cache has keys only; a token's value is the first value_dim elements of its key.
import package::bindings::{cache, params, kv_bits, head_dim, value_dim, latent, kv_heads, block_size};
import package::lib::subgroups::{of_eight};

const head_quads = head_dim / 4u;
const value_quads = value_dim / 4u;
const is_latent = latent == 1u;
const quantized = kv_bits < 16u;
const nibbles = kv_bits == 4u;
// Words of a quad, but two quads of nibbles share one.
const quad_words = max(1u, kv_bits / 8u);
const key_words = block_size * head_dim * kv_bits / 32u;
const value_words = block_size * value_dim * kv_bits / 32u;
const scale_words = select(0u, block_size, quantized);

// Where an element begins: for nibbles, `shift` bits into the word.
struct Place { word: u32, shift: u32 }

fn quad_place(of_values: bool, region: u32, key: u32, d: u32) -> Place {
  let by_token = of_values && !is_latent;
  if (nibbles) {
    let word = select(d / 2u * block_size + key, (key * value_quads + d) / 2u, by_token);
    return Place(region + word, d % 2u * 16u);
  }
  let quad = select(d * block_size + key, key * value_quads + d, by_token);
  return Place(region + quad * quad_words, 0u);
}

// The first word of K or V of a block and kv head.
fn region_of(of_values: bool, block: u32, kv_head: u32) -> u32 {
  let region = block * kv_heads + kv_head;
  if (of_values && !is_latent) {
    return region * (value_words + scale_words) + params.values_at;
  }
  return region * (key_words + scale_words);
}

// Where a token's scale and minimum lie in a region.
fn scale_place(of_values: bool, region: u32, key: u32) -> u32 {
  return region + select(key_words, value_words, of_values && !is_latent) + key;
}

// Scale and minimum of a token's elements in a region.
fn scale_of(of_values: bool, region: u32, key: u32) -> vec2f {
  if (quantized) {
    let word = cache[scale_place(of_values, region, key)];
    return vec2f(bitcast<f32>(word << 16u), bitcast<f32>(word & 0xffff0000u));
  }
  return vec2f(1.0, 0.0);
}

// Quad d of a token's key or value.
fn quad(of_values: bool, region: u32, key: u32, d: u32, scale: vec2f) -> vec4f {
  let place = quad_place(of_values, region, key, d);
  let word = cache[place.word];
  if (kv_bits == 32u) {
    return bitcast<vec4f>(vec4u(word, cache[place.word + 1u], cache[place.word + 2u], cache[place.word + 3u]));
  }
  if (kv_bits == 16u) {
    return vec4f(unpack2x16float(word), unpack2x16float(cache[place.word + 1u]));
  }
  var levels: vec4u;
  if (nibbles) {
    levels = (vec4u(word >> place.shift) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
  } else {
    levels = (vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
  }
  return fma(vec4f(levels), vec4f(scale.x), vec4f(scale.y));
}

// Scales and minimums of the values of eight consecutive tokens that every lane wants.
@if(subgroups)
fn scales_of_eight(region: u32, key: u32, place: u32) -> array<vec2f, 8> {
  let eight = of_eight(vec4f(scale_of(true, region, key + place), 0.0, 0.0));
  return array<vec2f, 8>(
    eight[0].xy, eight[1].xy, eight[2].xy, eight[3].xy, eight[4].xy, eight[5].xy, eight[6].xy, eight[7].xy,
  );
}

@if(!subgroups)
fn scales_of_eight(region: u32, key: u32, place: u32) -> array<vec2f, 8> {
  return array<vec2f, 8>(
    scale_of(true, region, key), scale_of(true, region, key + 1u),
    scale_of(true, region, key + 2u), scale_of(true, region, key + 3u),
    scale_of(true, region, key + 4u), scale_of(true, region, key + 5u),
    scale_of(true, region, key + 6u), scale_of(true, region, key + 7u),
  );
}

// Eight quads of one token that every lane wants, from quad d on; those that the head does not have are of no meaning.
@if(subgroups)
fn eight_quads(of_values: bool, region: u32, key: u32, d: u32, place: u32) -> array<vec4f, 8> {
  let last = select(head_quads, value_quads, of_values) - 1u;
  return of_eight(quad(of_values, region, key, min(d + place, last), scale_of(of_values, region, key)));
}

@if(!subgroups)
fn eight_quads(of_values: bool, region: u32, key: u32, d: u32, place: u32) -> array<vec4f, 8> {
  let last = select(head_quads, value_quads, of_values) - 1u;
  let scale = scale_of(of_values, region, key);
  var quads: array<vec4f, 8>;
  for (var j = 0u; j < 8u; j++) {
    quads[j] = quad(of_values, region, key, min(d + j, last), scale);
  }
  return quads;
}
