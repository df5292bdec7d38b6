//! Chance for samples and choices: drawn from a seed, so that the same trial is the same again.

use crate::canonical::Digest;

/// Numbers drawn from a seed.
#[derive(Debug, Clone)]
pub struct Dice {
    seed: Digest,
    drawn: u64,
}

impl Dice {
    /// Dice for one purpose.
    pub fn new(seed: &Digest, purpose: &str) -> Self {
        Self { seed: Digest::of_parts("steward trial dice 1", &[seed.as_bytes(), purpose.as_bytes()]), drawn: 0 }
    }

    /// The next digest.
    pub fn digest(&mut self) -> Digest {
        self.drawn += 1;
        Digest::of_parts("steward trial draw 1", &[self.seed.as_bytes(), &self.drawn.to_be_bytes()])
    }

    /// A number below `most`; 0 where there is no other.
    pub fn below(&mut self, most: usize) -> usize {
        let digest = self.digest();
        let bytes = digest.as_bytes();
        let number = bytes.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        usize::try_from(number % u64::try_from(most.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// Puts things into another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for place in (1..things.len()).rev() {
            things.swap(place, self.below(place + 1));
        }
    }
}
