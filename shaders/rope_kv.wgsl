// One lane takes four neighbouring elements of one token's Q|K|V row. Q is rotated and scaled, K rotated and V as it
// is go to the KV cache, each to its token's slot. Pairs are neighbours (2i, 2i + 1), as llama's GGUF files order them.
const f16_largest = 65504.0;

fn write_cache(element: u32, value: vec4f) {
  if (kv_f32) {
    let bits = bitcast<vec4u>(value);
    cache[element] = bits.x;
    cache[element + 1u] = bits.y;
    cache[element + 2u] = bits.z;
    cache[element + 3u] = bits.w;
  } else {
    let stored = clamp(value, vec4f(-f16_largest), vec4f(f16_largest));
    cache[element / 2u] = pack2x16float(stored.xy);
    cache[element / 2u + 1u] = pack2x16float(stored.zw);
  }
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  const head_quads = head_dim / 4u;
  let quad = group.x * workgroup_size + lane;
  let token = group.y;
  let row_quads = (heads + 2u * kv_heads) * head_quads;
  if (quad >= row_quads) {
    return;
  }
  let head = quad / head_quads;
  let in_head = quad % head_quads;
  var value = qkv[token * row_quads + quad];
  if (head < heads + kv_heads) {
    let turn = rope[batch[params.positions_at + token] * head_quads + in_head];
    value = vec4f(
      value.x * turn.x - value.y * turn.y,
      value.x * turn.y + value.y * turn.x,
      value.z * turn.z - value.w * turn.w,
      value.z * turn.w + value.w * turn.z,
    );
  }
  if (head < heads) {
    q[token * heads * head_quads + quad] = value * params.scale;
    return;
  }
  let slot = batch[params.slots_at + token];
  let kv_head = (head - heads) % kv_heads;
  let at = ((slot / block_size * kv_heads + kv_head) * block_size + slot % block_size) * head_dim + 4u * in_head;
  write_cache(at + select(0u, params.values_at, head >= heads + kv_heads), value);
}
