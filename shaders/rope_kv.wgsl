// One workgroup takes one head of one token's Q|K|V row; a lane owns pairs of quads. Q is rotated and scaled, K rotated
// and V as it is go to the KV cache, to the token's slot. Pairs are neighbours (2i, 2i + 1), as llama's GGUF files order
// them, or, where half_quads is not 0, i and i + 4 half_quads, as transformers does. Where the cache is quantized, the head's least and greatest elements are found first.
import package::lib::cache::{Place, head_quads, quantized, nibbles, element_words, region_of, quad_place};
import package::lib::reduce::workgroup_max;

const f16_largest = 65504.0;
const greatest_level = f32((1u << min(kv_bits, 8u)) - 1u);
const quad_pairs = (head_quads + 1u) / 2u;

// Quad d of a head, turned where it is one of Q or K.
fn turned(token: u32, head: u32, d: u32) -> vec4f {
  let value = qkv[(token * (heads + 2u * kv_heads) + head) * head_quads + d];
  if (head >= heads + kv_heads) {
    return value;
  }
  if (half_quads > 0u) {
    return turned_halves(token, head, d, value);
  }
  let turn = rope[batch[params.positions_at + token] * head_quads + d];
  return vec4f(
    value.x * turn.x - value.y * turn.y,
    value.x * turn.y + value.y * turn.x,
    value.z * turn.z - value.w * turn.w,
    value.z * turn.w + value.w * turn.z,
  );
}

fn turned_halves(token: u32, head: u32, d: u32, value: vec4f) -> vec4f {
  if (d >= 2u * half_quads) {
    return value;
  }
  let is_first = d < half_quads;
  let pairs = select(d - half_quads, d, is_first);
  let partner = select(pairs, d + half_quads, is_first);
  let other = qkv[(token * (heads + 2u * kv_heads) + head) * head_quads + partner];
  let at = batch[params.positions_at + token] * head_quads + 2u * pairs;
  let a = rope[at];
  let b = rope[at + 1u];
  let cosine = vec4f(a.x, a.z, b.x, b.z);
  let sine = vec4f(a.y, a.w, b.y, b.w);
  return value * cosine + other * select(sine, -sine, is_first);
}

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

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let token = group.y;
  if (head < heads) {
    for (var d = lane; d < head_quads; d += workgroup_size) {
      q[(token * heads + head) * head_quads + d] = turned(token, head, d) * params.scale;
    }
    return;
  }
  let slot = batch[params.slots_at + token];
  let key = slot % block_size;
  let is_value = head >= heads + kv_heads;
  let region = region_of(slot / block_size, (head - heads) % kv_heads) + select(0u, params.values_at, is_value);
  var scale = 0u;
  if (quantized) {
    var least = f16_largest;
    var most = -f16_largest;
    for (var d = lane; d < head_quads; d += workgroup_size) {
      let value = bounded(turned(token, head, d));
      least = min(least, min(min(value.x, value.y), min(value.z, value.w)));
      most = max(most, max(max(value.x, value.y), max(value.z, value.w)));
    }
    scale = scale_word(-workgroup_max(-least, lane), workgroup_max(most, lane));
    if (lane == 0u) {
      cache[region + element_words + key] = scale;
    }
  }
  for (var pair = lane; pair < quad_pairs; pair += workgroup_size) {
    let d = 2u * pair;
    let has_second = d + 1u < head_quads;
    let a = turned(token, head, d);
    let b = turned(token, head, select(d, d + 1u, has_second));
    let first = quad_place(is_value, region, key, d);
    let second = quad_place(is_value, region, key, d + 1u);
    store_pair(first, second, has_second, a, b, scale);
  }
}
