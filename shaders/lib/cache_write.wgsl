// How quads are put into a KV cache, and how a token's head becomes levels where it is quantized.
import package::bindings::{cache, kv_bits};
import package::lib::cache::{Place, nibbles};

const f16_largest = 65504.0;
const greatest_level = f32((1u << min(kv_bits, 8u)) - 1u);

// What other formats than f32 can hold of a quad.
fn bounded(value: vec4f) -> vec4f {
  return clamp(value, vec4f(-f16_largest), vec4f(f16_largest));
}

// Bits of the bfloat16 that is not nearer to zero, and of the one that is not farther.
fn away_from_zero(value: f32) -> u32 {
  return (bitcast<u32>(value) + 0xffffu) & 0xffff0000u;
}

fn towards_zero(value: f32) -> u32 {
  return bitcast<u32>(value) & 0xffff0000u;
}

// Scale (low half) and minimum (high half) such that levels 0 … greatest_level reach from `least` to `most`.
fn scale_word(least: f32, most: f32) -> u32 {
  let minimum = select(towards_zero(least), away_from_zero(least), least < 0.0);
  let scale = away_from_zero((most - bitcast<f32>(minimum)) / greatest_level);
  return minimum | (scale >> 16u);
}

fn levels_of(value: vec4f, scale: u32) -> vec4u {
  let step = bitcast<f32>(scale << 16u);
  let above = bounded(value) - vec4f(bitcast<f32>(scale & 0xffff0000u));
  return vec4u(clamp(round(above / max(step, 1e-30)), vec4f(0.0), vec4f(greatest_level)));
}

fn packed_levels(levels: vec4u, bits: u32) -> u32 {
  let moved = levels << (vec4u(0u, 1u, 2u, 3u) * bits);
  return moved.x | moved.y | moved.z | moved.w;
}

// Puts a pair of quads into the cache, of which the second may not exist.
fn store_pair(first: Place, second: Place, has_second: bool, a: vec4f, b: vec4f, scale: u32) {
  if (nibbles) {
    cache[first.word] = packed_levels(levels_of(a, scale), 4u) | (packed_levels(levels_of(b, scale), 4u) << 16u);
    return;
  }
  store_quad(first, a, scale);
  if (has_second) {
    store_quad(second, b, scale);
  }
}

fn store_quad(place: Place, value: vec4f, scale: u32) {
  if (kv_bits == 32u) {
    let bits = bitcast<vec4u>(value);
    cache[place.word] = bits.x;
    cache[place.word + 1u] = bits.y;
    cache[place.word + 2u] = bits.z;
    cache[place.word + 3u] = bits.w;
  } else if (kv_bits == 16u) {
    let stored = bounded(value);
    cache[place.word] = pack2x16float(stored.xy);
    cache[place.word + 1u] = pack2x16float(stored.zw);
  } else {
    cache[place.word] = packed_levels(levels_of(value, scale), 8u);
  }
}
