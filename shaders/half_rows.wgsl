// One lane a group of 32 values: as f16 of value / d, where d is a power of two, and what products need of the group beside
// them. A group takes five fours of words: two values a word; then d, and d times the sum of all, of the first 16 and of the
// others, each added one after another. Division and multiplication by d round nothing that is a normal number.
import package::lib::numbers::halves;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = workgroup.x * workgroup_size + lane;
  if (group >= params.groups) {
    return;
  }
  let at = workgroup.y * params.x_stride + params.x_offset + 8u * group;
  let quads = array<vec4f, 8>(
    x[at], x[at + 1u], x[at + 2u], x[at + 3u], x[at + 4u], x[at + 5u], x[at + 6u], x[at + 7u],
  );
  let most = max(
    max(max(magnitudes(quads[0]), magnitudes(quads[1])), max(magnitudes(quads[2]), magnitudes(quads[3]))),
    max(max(magnitudes(quads[4]), magnitudes(quads[5])), max(magnitudes(quads[6]), magnitudes(quads[7]))),
  );
  let greatest = max(max(most.x, most.y), max(most.z, most.w));
  // Of base two, with a bias of 127. The greatest value becomes 2¹⁴ or more and less than 2¹⁵.
  let exponent = max(greatest >> 23u, 15u);
  let inverse = bitcast<f32>((268u - exponent) << 23u);
  // Not finite where a value is not.
  let d = bitcast<f32>(select((exponent - 14u) << 23u, greatest, exponent == 255u));
  let octets = array<vec4u, 4>(
    halves_of(quads[0], quads[1], inverse), halves_of(quads[2], quads[3], inverse),
    halves_of(quads[4], quads[5], inverse), halves_of(quads[6], quads[7], inverse),
  );
  let first = added(added(0.0, octets[0]), octets[1]);
  let last = added(added(0.0, octets[2]), octets[3]);
  let whole = added(added(first, octets[2]), octets[3]);
  let to = 5u * (workgroup.y * params.groups + group);
  y[to] = octets[0];
  y[to + 1u] = octets[1];
  y[to + 2u] = octets[2];
  y[to + 3u] = octets[3];
  y[to + 4u] = bitcast<vec4u>(d * vec4f(1.0, whole, first, last));
}

// As integers: no infinity or NaN is passed over.
fn magnitudes(values: vec4f) -> vec4u {
  return bitcast<vec4u>(values) & vec4u(0x7fffffffu);
}

fn halves_of(low: vec4f, high: vec4f, inverse: f32) -> vec4u {
  let a = low * inverse;
  let b = high * inverse;
  return vec4u(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));
}

// Decoded from their bits: Mesa makes of unpack2x16float what pack2x16float was given.
fn added(sum: f32, octet: vec4u) -> f32 {
  let a = halves(octet.x, octet.y);
  let b = halves(octet.z, octet.w);
  return sum + a.x + a.y + a.z + a.w + b.x + b.y + b.z + b.w;
}
