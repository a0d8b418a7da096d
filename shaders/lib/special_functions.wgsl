// Functions that WGSL lacks, or promises too little of. None of them forms an infinity, which compilers may assume away.

fn sigmoid(x: f32) -> f32 {
  return 1.0 / (1.0 + exp(min(-x, 80.0)));
}

// By its series near 0, where the quotient would cancel, and for NaN, which stays one.
fn hyperbolic_tangent(x: f32) -> f32 {
  let square = x * x;
  var series = fma(square, 62.0 / 2835.0, -17.0 / 315.0);
  series = fma(square, series, 2.0 / 15.0);
  series = fma(square, series, -1.0 / 3.0);
  let power = exp(max(-2.0 * abs(x), -80.0));
  return select(fma(x * square, series, x), sign(x) * ((1.0 - power) / (1.0 + power)), abs(x) >= 0.25);
}

// The standard normal distribution's Φ(x) = erfc(−x / √2) / 2 to 1e-7; erfc after Abramowitz & Stegun 7.1.26. Its two tails
// are computed alike, so that the left one keeps its digits.
fn normal_distribution(x: f32) -> f32 {
  let z = abs(x) * 0.70710678;
  let t = 1.0 / fma(z, 0.3275911, 1.0);
  var series = fma(t, 1.061405429, -1.453152027);
  series = fma(t, series, 1.421413741);
  series = fma(t, series, -0.284496736);
  series = fma(t, series, 0.254829592);
  let tail = 0.5 * t * series * exp(max(-z * z, -80.0));
  return select(tail, 1.0 - tail, x > 0.0);
}
