// Sums over a row in an order that is a function of its width alone, whatever the workgroup's size: norms of a prompt
// and those that a product of one token begins with give the same bits. A row's quads go to 64 strands in turn. The sums of
// a strand's four columns meet, then the strands, eight by eight.
import package::bindings::workgroup_size;

const strands = 64u;

var<workgroup> sums_of_strands: array<f32, strands>;
var<workgroup> sums_of_eights: array<f32, 8>;

fn keep_strand(strand: u32, sum: vec4f) {
  sums_of_strands[strand] = (sum.x + sum.y) + (sum.z + sum.w);
}

// Of all strands, once each has been kept by some lane. Every lane gets it.
fn total_of_strands(lane: u32) -> f32 {
  workgroupBarrier();
  for (var i = lane; i < 8u; i += workgroup_size) {
    var sum = 0.0;
    for (var j = 0u; j < 8u; j++) {
      sum += sums_of_strands[8u * i + j];
    }
    sums_of_eights[i] = sum;
  }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 8u; i++) {
    total += sums_of_eights[i];
  }
  return total;
}
