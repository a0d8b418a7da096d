// Probabilities of one row of logits, relative to the best id's, as whole numbers of 2⁻²⁴: their sums depend on no order.
// A sum is two words, high · 2¹² + low, of which 2¹⁸ cannot overflow.
import package::bindings::{params, logits};
import package::lib::order::{order_key, order_value};

// What decides how a row's ids weigh.
struct Scale { row: u32, greatest: f32, temperature: f32 }

struct MassSum { high: u32, low: u32 }

fn key_at(row: u32, id: u32) -> u32 {
  return order_key(logits[row * params.vocab + id]);
}

fn mass_of(key: u32, scale: Scale) -> u32 {
  return u32(exp((order_value(key) - scale.greatest) / scale.temperature) * 0x1p24);
}

fn mass_added(sum: MassSum, mass: u32) -> MassSum {
  return MassSum(sum.high + (mass >> 12u), sum.low + (mass & 4095u));
}

fn mass_value(sum: MassSum) -> f32 {
  return fma(f32(sum.high), 4096.0, f32(sum.low));
}
