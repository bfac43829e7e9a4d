//! A reproducible part for each group, for cross-fitting.

/// The part, below `parts`, that `group` falls into: a hash (SplitMix64, Steele et al. 2014) of group and seed,
/// so that it depends on neither the order nor the number of rows.
#[must_use]
pub(crate) fn part_of(group: u32, seed: u64, parts: u64) -> u64 {
    let mut z = seed.wrapping_add(u64::from(group).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % parts.max(1)
}

#[cfg(test)]
mod tests {
    use super::part_of;

    #[test]
    fn parts_are_about_equal_and_differ_by_seed() {
        let mut counts = [0_usize; 5];
        let mut moved = 0;
        for group in 0..5_000 {
            let part = part_of(group, 7, 5);
            counts[usize::try_from(part).unwrap()] += 1;
            moved += usize::from(part != part_of(group, 8, 5));
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert!(moved > 3_500);
    }
}
