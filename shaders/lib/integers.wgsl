// Four bytes of a word as the integers that they are, and their products with another four: exact, whichever way a device takes.

fn four_integers(word: u32) -> vec4i {
  return bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
}

@if(packed_dot)
fn dot_of_fours(a: u32, b: u32) -> i32 {
  return dot4I8Packed(a, b);
}

@if(!packed_dot)
fn dot_of_fours(a: u32, b: u32) -> i32 {
  let products = four_integers(a) * four_integers(b);
  return products.x + products.y + products.z + products.w;
}
