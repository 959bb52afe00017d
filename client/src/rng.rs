//! The one source of randomness: a small seeded generator.
//!
//! Backoff jitter, the order in which bootstrap addresses are tried, partitioners and fetch order all
//! draw from generators derived from [`ClientConfig::seed`](crate::ClientConfig::seed), so that a run
//! under a simulator can be repeated exactly. Nothing here is fit for cryptography.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// A seeded pseudo-random generator (xoshiro256++, seeded by splitmix64).
///
/// The same seed gives the same sequence on every platform and in every release of this crate.
/// Not for secrets.
#[derive(Debug, Clone)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator whose whole sequence is decided by `seed`.
    pub fn from_seed(seed: u64) -> Self {
        let mut mix = seed;
        Rng {
            state: std::array::from_fn(|_| split_mix(&mut mix)),
        }
    }

    /// A generator seeded by the operating system, through the standard library's hash keys.
    pub fn from_entropy() -> Self {
        Rng::from_seed(RandomState::new().build_hasher().finish())
    }

    /// A generator of its own, decided by this one's state and by `label`.
    ///
    /// Parts of a client that draw independently fork theirs, so that one drawing more often does
    /// not change what the others see.
    pub fn fork(&mut self, label: &str) -> Rng {
        let label = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Rng::from_seed(self.next_u64() ^ label)
    }

    /// 64 uniformly distributed bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        let (a, b) = (a ^ d, b ^ c);
        let [_, old_b, ..] = self.state;
        self.state = [a, b, c ^ (old_b << 17), d.rotate_left(45)];
        result
    }

    /// A number in `0..bound`, every one equally likely; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Multiply-shift maps 64 random bits onto the range. Its bias (at most bound / 2^64) is far
        // below what any use here could notice.
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A duration between `base × (1 − spread)` and `base × (1 + spread)`.
    pub fn jitter(&mut self, base: Duration, spread: f64) -> Duration {
        base.mul_f64((1.0 + spread * (2.0 * self.unit() - 1.0)).max(0.0))
    }

    /// Puts the items into a random order, every order equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }

    /// One of the items, or `None` when there is none.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(items.len() as u64) as usize;
        items.get(index)
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_published_sequence() {
        // First outputs of xoshiro256++ with the state that splitmix64 makes of 0.
        let mut mix = 0;
        assert_eq!(split_mix(&mut mix), 0xe220_a839_7b1d_cdaf);
        assert_eq!(split_mix(&mut mix), 0x6e78_9e6a_a1b9_65f4);

        let mut rng = Rng {
            state: [1, 2, 3, 4],
        };
        let sequence: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(
            sequence,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_of_it() {
        let mut rng = Rng::from_seed(7);
        let mut seen = [0_u32; 6];
        for _ in 0..6_000 {
            seen[rng.below(6) as usize] += 1;
        }
        assert!(
            seen.iter().all(|&count| (850..1150).contains(&count)),
            "{seen:?}"
        );
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn jitter_stays_within_its_spread() {
        let mut rng = Rng::from_seed(1);
        for _ in 0..1_000 {
            let delay = rng.jitter(Duration::from_millis(100), 0.2);
            assert!((80..=120).contains(&delay.as_millis()), "{delay:?}");
        }
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut rng = Rng::from_seed(3);
        let mut items: Vec<u32> = (0..50).collect();
        rng.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
        rng.shuffle::<u32>(&mut []);
        assert_eq!(rng.choose::<u32>(&[]), None);
    }

    #[test]
    fn forks_with_different_labels_differ() {
        let mut left = Rng::from_seed(5);
        let mut right = Rng::from_seed(5);
        assert_eq!(left.fork("a").next_u64(), right.fork("a").next_u64());
        assert_ne!(left.fork("a").next_u64(), right.fork("b").next_u64());
    }
}
