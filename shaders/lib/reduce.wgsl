// Reductions over a workgroup, in an order that depends on workgroup_size alone. Every lane gets the result.
import package::bindings::workgroup_size;

var<workgroup> partial_sums: array<f32, workgroup_size>;

fn workgroup_sum(value: f32, lane: u32) -> f32 {
  partial_sums[lane] = value;
  workgroupBarrier();
  for (var stride = workgroup_size / 2u; stride > 0u; stride /= 2u) {
    if (lane < stride) {
      partial_sums[lane] += partial_sums[lane + stride];
    }
    workgroupBarrier();
  }
  let total = partial_sums[0];
  workgroupBarrier();
  return total;
}
