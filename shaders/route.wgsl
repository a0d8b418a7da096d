// One workgroup routes one token. An expert's place among the chosen ones is the number of those that are better, which
// each lane counts for its own experts: no order but that of the scores and numbers can come of it.
import package::lib::reduce::{workgroup_max, workgroup_sum};
import package::lib::special_functions::sigmoid;

const lowest = -1e30;

// What an expert's share is made of, and what it is chosen by.
var<workgroup> scores: array<f32, experts>;
var<workgroup> choices: array<f32, experts>;
var<workgroup> group_choices: array<f32, groups>;
var<workgroup> chosen_scores: array<f32, top>;

fn score_all(row: u32, lane: u32) {
  if (logistic) {
    for (var e = lane; e < experts; e += workgroup_size) {
      scores[e] = sigmoid(logits[row + e]);
    }
    return;
  }
  var greatest = lowest;
  for (var e = lane; e < experts; e += workgroup_size) {
    greatest = max(greatest, logits[row + e]);
  }
  greatest = workgroup_max(greatest, lane);
  var sum = 0.0;
  for (var e = lane; e < experts; e += workgroup_size) {
    scores[e] = exp(max(logits[row + e] - greatest, -80.0));
    sum += scores[e];
  }
  sum = workgroup_sum(sum, lane);
  for (var e = lane; e < experts; e += workgroup_size) {
    scores[e] /= sum;
  }
}

// Experts of groups that are not among the best count 0.
fn choose_groups(lane: u32) {
  const members = experts / groups;
  for (var g = lane; g < groups; g += workgroup_size) {
    var best = lowest;
    var second = lowest;
    for (var e = g * members; e < (g + 1u) * members; e++) {
      second = max(second, min(best, choices[e]));
      best = max(best, choices[e]);
    }
    group_choices[g] = best;
    if (best_two && members > 1u) {
      group_choices[g] = best + second;
    }
  }
  workgroupBarrier();
  for (var e = lane; e < experts; e += workgroup_size) {
    let own = e / members;
    var better = 0u;
    for (var g = 0u; g < groups; g++) {
      better += u32(precedes(group_choices[g], g, group_choices[own], own));
    }
    if (better >= top_groups) {
      choices[e] = 0.0;
    }
  }
  workgroupBarrier();
}

fn precedes(choice: f32, index: u32, own: f32, own_index: u32) -> bool {
  return choice > own || (choice == own && index < own_index);
}

@compute @workgroup_size(workgroup_size)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let token = group.x;
  score_all(token * experts, lane);
  for (var e = lane; e < experts; e += workgroup_size) {
    choices[e] = scores[e];
    if (corrected) {
      choices[e] += constants[params.correction_at + e];
    }
  }
  workgroupBarrier();
  if (groups > 1u) {
    choose_groups(lane);
  }
  for (var e = lane; e < experts; e += workgroup_size) {
    var better = 0u;
    for (var other = 0u; other < experts; other++) {
      better += u32(precedes(choices[other], other, choices[e], e));
    }
    if (better < top) {
      routes[1u + token * top + better] = e;
      chosen_scores[better] = scores[e];
    }
  }
  if (token == 0u && lane == 0u) {
    routes[0] = grid.x * top;
  }
  workgroupBarrier();
  var divisor = 1.0;
  if (renormalized) {
    divisor = params.eps;
    for (var k = 0u; k < top; k++) {
      divisor += chosen_scores[k];
    }
  }
  for (var k = lane; k < top; k += workgroup_size) {
    shares[token * top + k] = chosen_scores[k] / divisor * params.scale;
  }
}
