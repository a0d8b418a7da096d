// One workgroup reports one row of logits: log-probability and rank of one id, and the best ids. The id is given in
// the batch, or is the one that `sample` has just drawn for the row.
import package::lib::order::order_key;
import package::lib::best::{Best, better, workgroup_best};
import package::lib::reduce::workgroup_sum;

const drawn = 0xffffffffu;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let at = row * params.vocab;
  let result = row * params.result_words;
  let top = batch[params.targets_at + 2u * row + 1u];
  if (top == 0u) {
    return;
  }
  var id = batch[params.targets_at + 2u * row];
  if (id == drawn) {
    id = results[result];
  }
  var limit = Best(0xffffffffu, 0u);
  var greatest = 0.0;
  var log_sum = 0.0;
  // Each round finds the best id below the one before; the first also gives the sum of the softmax.
  for (var n = 0u; n < top; n++) {
    var mine = Best(0u, 0xffffffffu);
    for (var i = lane; i < params.vocab; i += workgroup_size) {
      let candidate = Best(order_key(logits[at + i]), i);
      if (better(limit, candidate) && better(candidate, mine)) {
        mine = candidate;
      }
    }
    limit = workgroup_best(mine, lane);
    let logit = logits[at + min(limit.index, params.vocab - 1u)];
    if (n == 0u) {
      greatest = logit;
      var sum = 0.0;
      for (var i = lane; i < params.vocab; i += workgroup_size) {
        sum += exp(logits[at + i] - greatest);
      }
      log_sum = log(workgroup_sum(sum, lane));
    }
    if (lane == 0u) {
      results[result + 4u + 2u * n] = limit.index;
      results[result + 5u + 2u * n] = bitcast<u32>(logit - greatest - log_sum);
    }
  }
  let asked = logits[at + id];
  var above = 0.0;
  for (var i = lane; i < params.vocab; i += workgroup_size) {
    if (better(Best(order_key(logits[at + i]), i), Best(order_key(asked), id))) {
      above += 1.0;
    }
  }
  let rank = 1.0 + workgroup_sum(above, lane);
  if (lane == 0u) {
    results[result + 1u] = bitcast<u32>(asked - greatest - log_sum);
    results[result + 2u] = u32(rank);
    results[result + 3u] = id;
  }
}
