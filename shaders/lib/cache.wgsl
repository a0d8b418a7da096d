// Four consecutive elements of a layer's KV cache, as f32 or as packed f16.
import package::bindings::{cache, kv_f32};

fn cache_quad(element: u32) -> vec4f {
  if (kv_f32) {
    return bitcast<vec4f>(vec4u(cache[element], cache[element + 1u], cache[element + 2u], cache[element + 3u]));
  }
  let word = element / 2u;
  return vec4f(unpack2x16float(cache[word]), unpack2x16float(cache[word + 1u]));
}
