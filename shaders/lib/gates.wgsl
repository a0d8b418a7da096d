// Gates of one value. e^−x may not become infinite, since compilers may assume that it does not.

fn silu(value: f32) -> f32 {
  return value / (1.0 + exp(min(-value, 80.0)));
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|), and ln(1 + e) = 2 artanh(e / (2 + e)) by its series: WGSL's log is not
// precise where its result is small.
fn softplus(value: f32) -> f32 {
  let e = exp(-min(abs(value), 80.0));
  let s = e / (2.0 + e);
  let square = s * s;
  var series = 1.0 / 15.0;
  series = fma(series, square, 1.0 / 13.0);
  series = fma(series, square, 1.0 / 11.0);
  series = fma(series, square, 1.0 / 9.0);
  series = fma(series, square, 1.0 / 7.0);
  series = fma(series, square, 1.0 / 5.0);
  series = fma(series, square, 1.0 / 3.0);
  series = fma(series, square, 1.0);
  return fma(2.0 * s, series, max(value, 0.0));
}

// e^exponent for an exponent that is not positive: how much of a state is kept.
fn decay(exponent: f32) -> f32 {
  return exp(max(exponent, -80.0));
}
