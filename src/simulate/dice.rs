//! Chance from a seed, and from nothing else.

/// A stream of numbers (`SplitMix64`, Steele and others 2014): small, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, this one; 0 below 1.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            return 0;
        }
        // A few more of the small ones in 2^64 does not matter here.
        usize::try_from(self.roll() % end as u64).unwrap_or(0)
    }

    /// Whether something happens that happens so often in a thousand times.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.roll() % 1000 < permille
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// One of them, as often as its weight says.
    pub fn weighted<'a, T>(&mut self, of: &'a [(T, u32)]) -> Option<&'a T> {
        let sum: u64 = of.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut at = self.roll().checked_rem(sum)?;
        of.iter().find_map(|(one, weight)| {
            let weight = u64::from(*weight);
            let is_it = at < weight;
            at = at.saturating_sub(weight);
            is_it.then_some(one)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_rolls_the_same_and_weights_hold() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
        let mut dice = Dice::new(1);
        let heads = (0..10_000).filter(|_| dice.weighted(&[(true, 3), (false, 1)]) == Some(&true)).count();
        assert!((7_300..7_700).contains(&heads), "{heads}");
        assert_eq!(dice.weighted::<u8>(&[]), None);
    }
}
