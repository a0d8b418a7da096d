// The bucket of the distance between a query and a key (Raffel et al. 2020, arXiv:1910.10683), of 32 that reach 128 tokens
// in both directions: 16 for keys before the query and at it, 16 for those behind it. Of each 16, eight are one distance
// each, eight grow by √2: their number follows from the distance squared, in whole numbers.
fn bias_of(key: u32, position: u32) -> u32 {
  let behind = key > position;
  let distance = select(position - key, key - position, behind);
  let far = min(distance, 128u);
  let bucket = select(min(firstLeadingBit(max(far * far, 1u)) + 2u, 15u), distance, distance < 8u);
  return bucket + select(0u, 16u, behind);
}
