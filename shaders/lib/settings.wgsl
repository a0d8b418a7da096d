// Where the settings of a row's sampler lie in the batch, in words from the row's first one; model/sampling.ts writes
// them.
const settings_words = 16u;

const temperature_at = 0u;
const top_k_at = 1u;
const top_p_at = 2u;
const min_p_at = 3u;
const seed_at = 4u;
const position_at = 5u;
const slot_at = 6u;
const flags_at = 7u;
const repetition_at = 8u;
const presence_at = 9u;
const frequency_at = 10u;
// First word and length of the list of (id, bias), and first word of the mask of allowed ids.
const biases_at = 11u;
const bias_count_at = 12u;
const mask_at = 13u;

// Flags.
const counts_ids = 1u;
const has_mask = 2u;
