// Noise of the Gumbel distribution that is a function of seed, position and id: the greatest sum of log-probability and
// noise draws each id with its probability (Gumbel 1954; Maddison et al. 2014, arXiv:1411.0030).

// A permutation of 32 bits (PCG, O'Neill 2014; Jarzynski & Olano 2020, "Hash Functions for GPU Rendering").
fn scramble(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

// What the noise of all ids at one position has in common.
fn noise_stream(seed: u32, position: u32) -> u32 {
  return scramble(scramble(seed) ^ position);
}

// −log(−log(u)) for u uniform in (0, 1), by way of v = 1 − u: the greatest noise comes from the smallest v, of which an
// f32 holds 32 bits of chance where u would round to 1 and win every draw.
fn gumbel(stream: u32, id: u32) -> f32 {
  let bits = scramble(stream ^ id);
  let v = min((f32(bits) + 0.5) * 0x1p-32, 1.0 - 0x1p-24);
  // The series of −log(1 − v), whose error WGSL bounds in absolute terms only.
  let small = v * fma(v, fma(v, fma(v, 0.25, 1.0 / 3.0), 0.5), 1.0);
  return -log(select(-log(1.0 - v), small, v < 0x1p-7));
}
