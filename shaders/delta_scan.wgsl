// One lane owns one value dimension of a head's state, which it loads once, and walks the tokens of one chunk; all lanes
// read the same key and query. Their lengths are divided out of sums, so each token is read twice and normalized never.
import package::lib::chunks::chunk_at;
import package::lib::gates::{decay, softplus};
import package::lib::special_functions::sigmoid;

const key_quads = key_dim / 4u;
const length_epsilon = 1e-6;
const size = key_quads * workgroup_size;

// Each lane's own columns, zero at first; no lane reads another's. Loops over them begin at `lane`, so that no compiler knows
// their length: lavapipe unrolls what it can, a private array in any case, and takes a minute for it.
var<workgroup> columns: array<vec4f, size>;

fn total(sums: vec4f) -> f32 {
  return sums.x + sums.y + sums.z + sums.w;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = group.x * workgroup_size + lane;
  if (place >= value_dim) {
    return;
  }
  let head = group.y;
  let chunk = chunk_at(group.z);
  let kept = chunk.slot * params.state_stride + params.state_offset + head * key_quads * value_dim + place;
  let rate = constants[params.rate_offset + head];
  let bias = constants[params.dt_bias_offset + head];
  let key_head = head / params.key_run % params.key_heads * key_quads;
  let gate = head / params.gates_run * params.gates_run_stride + head % params.gates_run;
  let at = params.v_offset + head * value_dim + place;

  if (!chunk.begins) {
    for (var own = lane; own < size; own += workgroup_size) {
      columns[own] = state[kept + own / workgroup_size * value_dim];
    }
  }
  for (var token = chunk.first; token < chunk.end; token++) {
    let gates_row = token * params.gates_stride + gate;
    let keep = decay(rate * softplus(gates[gates_row + params.a_offset] + bias));
    let beta = sigmoid(gates[gates_row + params.b_offset]);
    let value = x[token * params.x_stride + at / 4u][at % 4u];
    let q = token * params.x_stride + params.q_offset + key_head;
    let k = token * params.x_stride + params.k_offset + key_head;
    var known = vec4f();
    var key_squares = vec4f();
    var query_squares = vec4f();
    for (var own = lane; own < size; own += workgroup_size) {
      let key = x[k + own / workgroup_size];
      let query = x[q + own / workgroup_size];
      let column = columns[own] * keep;
      columns[own] = column;
      known = fma(column, key, known);
      key_squares = fma(key, key, key_squares);
      query_squares = fma(query, query, query_squares);
    }
    let key_scale = inverseSqrt(total(key_squares) + length_epsilon);
    let query_scale = inverseSqrt((total(query_squares) + length_epsilon) * f32(key_dim));
    let change = beta * fma(-total(known), key_scale, value) * key_scale;
    var sums = vec4f();
    for (var own = lane; own < size; own += workgroup_size) {
      let column = fma(x[k + own / workgroup_size], vec4f(change), columns[own]);
      columns[own] = column;
      sums = fma(x[q + own / workgroup_size], column, sums);
    }
    y[token * params.y_stride + head * value_dim + place] = total(sums) * query_scale;
  }
  for (var own = lane; own < size; own += workgroup_size) {
    state[kept + own / workgroup_size * value_dim] = columns[own];
  }
}
