// The best (key, index) over a workgroup: the greatest key, the lowest index among equals. Every lane gets it.
import package::bindings::workgroup_size;
import package::lib::reduce::reducers;

struct Best { key: u32, index: u32 }

var<workgroup> best_of_lanes: array<Best, workgroup_size>;
var<workgroup> best_of_reducers: array<Best, reducers>;

fn better(a: Best, b: Best) -> bool {
  return a.key > b.key || (a.key == b.key && a.index < b.index);
}

fn workgroup_best(mine: Best, lane: u32) -> Best {
  best_of_lanes[lane] = mine;
  workgroupBarrier();
  if (lane < reducers) {
    var best = mine;
    for (var i = lane + reducers; i < workgroup_size; i += reducers) {
      if (better(best_of_lanes[i], best)) {
        best = best_of_lanes[i];
      }
    }
    best_of_reducers[lane] = best;
  }
  workgroupBarrier();
  var best = best_of_reducers[0];
  for (var i = 1u; i < reducers; i++) {
    if (better(best_of_reducers[i], best)) {
      best = best_of_reducers[i];
    }
  }
  return best;
}
