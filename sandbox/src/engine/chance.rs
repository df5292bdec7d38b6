//! Chance, as a pure function of the run's seed.

use intents::canonical::Digest;

/// A stream of numbers: digests of the seed and a counter.
#[derive(Debug, Default)]
pub(crate) struct Chance {
    seed: [u8; 32],
    drawn: u64,
}

impl Chance {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next 128 bits.
    pub(crate) fn bits(&mut self) -> u128 {
        let digest = Digest::of_parts("steward chance 1", &[&self.seed, &self.drawn.to_be_bytes()]);
        self.drawn += 1;
        let (first, _) = digest.as_bytes().split_first_chunk().expect("a digest is longer than 16 bytes");
        u128::from_be_bytes(*first)
    }

    /// A number from 0 up to, but not including, 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        /// As many bits as a double holds.
        const BITS: u32 = 53;
        (self.bits() >> (u128::BITS - BITS)) as f64 / (1u64 << BITS) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_others() {
        let draw = |seed| {
            let mut chance = Chance::new([seed; 32]);
            [chance.fraction(), chance.fraction(), chance.fraction()]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(3).iter().all(|fraction| (0.0..1.0).contains(fraction)));
    }
}
