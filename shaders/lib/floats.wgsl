// Floats to fewer bits, alike on every device.

// The f16 nearest to x, ties to even, subnormals included; the greatest finite one where x is beyond it.
fn half_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = min(bits & 0x7fffffffu, 0x477fe000u);
  // 2⁻¹⁴ and more: the exponent's bias changes by 112; the carry of the rounding runs into the exponent.
  let normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u;
  // Less: steps of 2⁻²⁴, which an f32's fraction shows when 0.5 is added.
  let subnormal = bitcast<u32>(bitcast<f32>(magnitude) + 0.5) - 0x3f000000u;
  return sign | select(subnormal, normal, magnitude >= 0x38800000u);
}
