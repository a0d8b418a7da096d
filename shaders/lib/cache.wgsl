// Consecutive elements of a layer's KV cache, as f32 or as packed f16.
import package::bindings::{cache, kv_f32};
import package::lib::subgroups::of_eight;

fn cache_quad(element: u32) -> vec4f {
  if (kv_f32) {
    return bitcast<vec4f>(vec4u(cache[element], cache[element + 1u], cache[element + 2u], cache[element + 3u]));
  }
  let word = element / 2u;
  return vec4f(unpack2x16float(cache[word]), unpack2x16float(cache[word + 1u]));
}

// Up to eight quads that every lane wants, of which there are `count`; the others are of no meaning.
@if(subgroups)
fn cache_quads(element: u32, count: u32, place: u32) -> array<vec4f, 8> {
  return of_eight(cache_quad(element + 4u * min(place, count - 1u)));
}

@if(!subgroups)
fn cache_quads(element: u32, count: u32, place: u32) -> array<vec4f, 8> {
  var quads: array<vec4f, 8>;
  for (var j = 0u; j < 8u; j++) {
    quads[j] = vec4f();
    if (j < count) {
      quads[j] = cache_quad(element + 4u * j);
    }
  }
  return quads;
}
