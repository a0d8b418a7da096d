// One lane owns one row of a head's state, which it loads once, and walks the tokens of one chunk; all lanes read the same
// B and C. Rows lie side by side, quad by quad, so that lanes read what lies together.
import package::lib::chunks::chunk_at;
import package::lib::gates::{decay, softplus};

const state_quads = state_dim / 4u;
const size = state_quads * workgroup_size;

// Each lane's own rows, zero at first; no lane reads another's. Loops over them begin at `lane`, so that no compiler knows
// their length: lavapipe unrolls what it can, a private array in any case, and takes a minute for it.
var<workgroup> rows: array<vec4f, size>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = group.x * workgroup_size + lane;
  if (place >= head_dim) {
    return;
  }
  let head = group.y;
  let chunk = chunk_at(group.z);
  let kept = chunk.slot * params.state_stride + params.state_offset + head * state_quads * head_dim + place;
  let rate = constants[params.rate_offset + head];
  let bias = constants[params.dt_bias_offset + head];
  let through = constants[params.d_offset + head];
  let of_group = head / params.group_heads * state_quads;
  let at = params.x_offset + head * head_dim + place;

  if (!chunk.begins) {
    for (var own = lane; own < size; own += workgroup_size) {
      rows[own] = state[kept + own / workgroup_size * head_dim];
    }
  }
  for (var token = chunk.first; token < chunk.end; token++) {
    let raw = dt[token * params.dt_stride + params.dt_offset + head];
    let step = clamp(softplus(fma(raw, params.dt_scale, bias)), params.least_dt, params.most_dt);
    let keep = decay(step * rate);
    let input = x[token * params.x_stride + at / 4u][at % 4u];
    let b = token * params.x_stride + params.b_offset + of_group;
    let c = token * params.x_stride + params.c_offset + of_group;
    var sums = vec4f();
    for (var own = lane; own < size; own += workgroup_size) {
      let row = fma(x[b + own / workgroup_size], vec4f(step * input), rows[own] * keep);
      sums = fma(x[c + own / workgroup_size], row, sums);
      rows[own] = row;
    }
    let sum = sums.x + sums.y + sums.z + sums.w;
    y[token * params.y_stride + head * head_dim + place] = fma(through, input, sum);
  }
  for (var own = lane; own < size; own += workgroup_size) {
    state[kept + own / workgroup_size * head_dim] = rows[own];
  }
}
