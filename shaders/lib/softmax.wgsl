// The arithmetic of online softmax (Milakov & Gimelshein 2018, arXiv:1805.02867), in one place so that every
// attention kernel computes the same bits.
import package::lib::special_functions::hyperbolic_tangent;

// Stands for minus infinity, which compilers may assume away.
const lowest = -1e30;

// Attention over some of the keys: the greatest score, the sum of exp(score − greatest), and how both change when
// another part is merged in.
struct Merge { greatest: f32, sum: f32, keep: f32, take: f32 }

fn merge(greatest: f32, sum: f32, other_greatest: f32, other_sum: f32) -> Merge {
  let together = max(greatest, other_greatest);
  let keep = exp(greatest - together);
  let take = exp(other_greatest - together);
  return Merge(together, fma(sum, keep, other_sum * take), keep, take);
}

// sum + a · b, element after element.
fn fma_quad(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// Gemma Team 2024, arXiv:2408.00118.
fn capped(score: f32, cap: f32) -> f32 {
  return cap * hyperbolic_tangent(score / cap);
}
