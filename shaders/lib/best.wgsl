// The best (key, index) over a workgroup: the greatest key, the lowest index among equals. Every lane gets it.
import package::bindings::workgroup_size;

struct Best { key: u32, index: u32 }

var<workgroup> candidates: array<Best, workgroup_size>;

fn better(a: Best, b: Best) -> bool {
  return a.key > b.key || (a.key == b.key && a.index < b.index);
}

fn workgroup_best(mine: Best, lane: u32) -> Best {
  candidates[lane] = mine;
  workgroupBarrier();
  for (var stride = workgroup_size / 2u; stride > 0u; stride /= 2u) {
    if (lane < stride && better(candidates[lane + stride], candidates[lane])) {
      candidates[lane] = candidates[lane + stride];
    }
    workgroupBarrier();
  }
  let best = candidates[0];
  workgroupBarrier();
  return best;
}
