// Reductions over a workgroup, in an order that depends on workgroup_size alone. Every lane gets the result.
import package::bindings::workgroup_size;

var<workgroup> partials_of_lanes: array<f32, workgroup_size>;

fn workgroup_sum(value: f32, lane: u32) -> f32 {
  partials_of_lanes[lane] = value;
  workgroupBarrier();
  for (var stride = workgroup_size / 2u; stride > 0u; stride /= 2u) {
    if (lane < stride) {
      partials_of_lanes[lane] += partials_of_lanes[lane + stride];
    }
    workgroupBarrier();
  }
  let total = partials_of_lanes[0];
  workgroupBarrier();
  return total;
}

fn workgroup_max(value: f32, lane: u32) -> f32 {
  partials_of_lanes[lane] = value;
  workgroupBarrier();
  for (var stride = workgroup_size / 2u; stride > 0u; stride /= 2u) {
    if (lane < stride) {
      partials_of_lanes[lane] = max(partials_of_lanes[lane], partials_of_lanes[lane + stride]);
    }
    workgroupBarrier();
  }
  let greatest = partials_of_lanes[0];
  workgroupBarrier();
  return greatest;
}
