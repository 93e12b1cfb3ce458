//! Randomness from a seed that is kept with the workflow: the same node draws the same numbers every time.

use lighter_api::Workflow;

/// Where the seed is kept.
pub(crate) const ANNOTATION: &str = "lighter.run/seed";

/// The workflow's seed: the one it carries, else one made of its uid, and its name if it has none.
pub(crate) fn seed(workflow: &Workflow) -> u64 {
    let Some(meta) = &workflow.metadata else { return 0 };
    let kept = meta.annotations.as_ref().and_then(|a| a.get(ANNOTATION));
    if let Some(seed) = kept.and_then(|text| text.parse().ok()) {
        return seed;
    }
    mix(0, meta.uid.as_deref().or(meta.name.as_deref()).unwrap_or_default())
}

/// A seed for one thing (a node's id, a step's name) below another.
pub(crate) fn mix(seed: u64, text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    let hash = text
        .bytes()
        .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // FNV alone leaves seeds of similar names close together.
    let mut z = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
