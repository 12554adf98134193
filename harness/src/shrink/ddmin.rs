//! Delta debugging: of things that fail together the fewest that still do, by Zeller and Hildebrandt's `ddmin`.

use std::collections::HashSet;

/// What came of trying some of the things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// They fail in the way that is looked for.
    Fails,
    /// They do not, or make no sense without the others.
    Passes,
    /// There is no time left to find out.
    Over,
}

/// Of things that fail all together some that still fail, and of which none can be left out. Where there is no time left, the fewest
/// that were found by then. What did not fail is not tried twice.
pub async fn ddmin<T: Clone>(things: &[T], mut fails: impl AsyncFnMut(&[T]) -> Answer) -> Vec<T> {
    let mut kept: Vec<usize> = (0..things.len()).collect();
    let mut known = HashSet::new();
    let mut parts = 2;
    let of = |places: &[usize]| -> Vec<T> { places.iter().map(|place| things[*place].clone()).collect() };
    // The cheapest answer that there can be, and the only one for a single thing.
    if !things.is_empty() && fails(&[]).await == Answer::Fails {
        return Vec::new();
    }
    'again: while kept.len() > 1 {
        for (next, next_parts) in candidates(&kept, parts) {
            if !known.insert(next.clone()) {
                continue;
            }
            match fails(&of(&next)).await {
                Answer::Fails => {
                    (kept, parts) = (next, next_parts);
                    continue 'again;
                }
                Answer::Passes => {}
                Answer::Over => return of(&kept),
            }
        }
        if parts >= kept.len() {
            break;
        }
        parts = (parts * 2).min(kept.len());
    }
    of(&kept)
}

/// Each part alone, then everything but that part; with how many parts to go on where it fails.
fn candidates(kept: &[usize], parts: usize) -> Vec<(Vec<usize>, usize)> {
    let parts = parts.min(kept.len());
    let bounds: Vec<usize> = (0..=parts).map(|part| part * kept.len() / parts).collect();
    let alone = bounds.windows(2).map(|pair| (kept[pair[0]..pair[1]].to_vec(), 2));
    let others = bounds.windows(2).map(|pair| {
        let others: Vec<usize> = kept[..pair[0]].iter().chain(&kept[pair[1]..]).copied().collect();
        (others, parts.saturating_sub(1).max(2))
    });
    alone.chain(others).filter(|(places, _)| !places.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn answer(fails: bool) -> Answer {
        if fails { Answer::Fails } else { Answer::Passes }
    }

    #[tokio::test]
    async fn what_is_left_fails_and_none_of_it_can_be_left_out() {
        for seed in 0..300 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let count = rng.random_range(1..60_u32);
            let things: Vec<u32> = (0..count).collect();
            // It fails wherever one of these is there as a whole: whatever is added to what fails fails as well.
            let causes: Vec<BTreeSet<u32>> = (0..rng.random_range(1..4))
                .map(|_| (0..rng.random_range(0..6)).map(|_| rng.random_range(0..count)).collect())
                .collect();
            let fails = |some: &[u32]| causes.iter().any(|cause| cause.iter().all(|it| some.contains(it)));
            let mut tried: HashSet<Vec<u32>> = HashSet::new();
            let left = ddmin(&things, async |some: &[u32]| {
                assert!(tried.insert(some.to_vec()), "seed {seed}: {some:?} is tried twice");
                answer(fails(some))
            })
            .await;
            assert!(fails(&left), "seed {seed}: {left:?} does not fail");
            assert!(left.is_sorted(), "seed {seed}: {left:?} is in another order");
            for place in 0..left.len() {
                let mut fewer = left.clone();
                fewer.remove(place);
                assert!(!fails(&fewer), "seed {seed}: {left:?}, {fewer:?} is enough of {causes:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_never_fails_again_stays_whole() {
        let things = ["one", "two", "three", "four", "five"];
        assert_eq!(ddmin(&things, async |_: &[&str]| Answer::Passes).await, things);
        assert_eq!(ddmin(&["alone"], async |_: &[&str]| Answer::Passes).await, ["alone"]);
        assert_eq!(ddmin(&[] as &[&str], async |_: &[&str]| Answer::Fails).await, [""; 0]);
    }

    #[tokio::test]
    async fn where_no_time_is_left_the_fewest_so_far_are_kept() {
        let things: Vec<u32> = (0..64).collect();
        for budget in 1..12 {
            let mut left = budget;
            let mut smallest = things.clone();
            let kept = ddmin(&things, async |some: &[u32]| {
                if left == 0 {
                    return Answer::Over;
                }
                left -= 1;
                if some.contains(&7) && some.contains(&40) {
                    smallest = some.to_vec();
                    return Answer::Fails;
                }
                Answer::Passes
            })
            .await;
            assert_eq!(kept, smallest, "after {budget} attempts");
        }
    }
}
