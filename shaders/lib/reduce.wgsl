// Reductions over a workgroup, in an order that depends on workgroup_size alone: eight lanes take the values of every eighth
// lane, then all lanes what these found. Every lane gets the result. Drivers of CPUs write much code for a barrier, and halving the
// lanes step by step has one for each halving. None is needed behind: what is read last is written again behind a barrier only.
import package::bindings::workgroup_size;

const reducers = min(8u, workgroup_size);

var<workgroup> of_lanes: array<f32, workgroup_size>;
var<workgroup> of_reducers: array<f32, reducers>;

fn workgroup_sum(value: f32, lane: u32) -> f32 {
  of_lanes[lane] = value;
  workgroupBarrier();
  if (lane < reducers) {
    var sum = value;
    for (var i = lane + reducers; i < workgroup_size; i += reducers) {
      sum += of_lanes[i];
    }
    of_reducers[lane] = sum;
  }
  workgroupBarrier();
  var total = of_reducers[0];
  for (var i = 1u; i < reducers; i++) {
    total += of_reducers[i];
  }
  return total;
}

fn workgroup_max(value: f32, lane: u32) -> f32 {
  of_lanes[lane] = value;
  workgroupBarrier();
  if (lane < reducers) {
    var greatest = value;
    for (var i = lane + reducers; i < workgroup_size; i += reducers) {
      greatest = max(greatest, of_lanes[i]);
    }
    of_reducers[lane] = greatest;
  }
  workgroupBarrier();
  var greatest = of_reducers[0];
  for (var i = 1u; i < reducers; i++) {
    greatest = max(greatest, of_reducers[i]);
  }
  return greatest;
}
