// Sums of a lane's four rows, for its fours of tokens, and where they go. Rows, tokens and fours have names: see four_rows.wgsl.
import package::bindings::experts;
import package::lib::rows::store_rows;
import package::lib::tiles::no_entry;
import package::lib::token_rows::fours;

// Of four rows, each for four tokens.
struct Sums { a: vec4f, b: vec4f, c: vec4f, d: vec4f }
alias AllSums = array<Sums, fours>;

fn add_sums(total: ptr<function, AllSums>, f: u32, sum: Sums) {
  let old = (*total)[f];
  (*total)[f] = Sums(old.a + sum.a, old.b + sum.b, old.c + sum.c, old.d + sum.d);
}

// Stores those of four tokens, which are entries of the routes where there are experts.
fn store_four(entries: vec4u, expert: u32, owner: u32, sums: Sums) {
  let by_token = transpose(mat4x4f(sums.a, sums.b, sums.c, sums.d));
  store_token(entries.x, expert, owner, by_token[0]);
  store_token(entries.y, expert, owner, by_token[1]);
  store_token(entries.z, expert, owner, by_token[2]);
  store_token(entries.w, expert, owner, by_token[3]);
}

fn store_token(entry: u32, expert: u32, owner: u32, sums: vec4f) {
  if (experts && entry == no_entry) {
    return;
  }
  store_rows(entry, expert, owner, sums);
}
