//! When what is killed, frozen and woken: all of it decided by one seed beforehand.

use std::fmt;
use std::time::Duration;

use thalweg_client::Rng;

/// What happens to a process, and when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL of one instance of every job; started again, with its old state folder, after `down`.
    KillInstance {
        /// Counted from 0.
        instance: usize,
        /// How long it stays away.
        down: Duration,
    },
    /// SIGSTOP, and SIGCONT after `frozen`: longer than transactions and sessions last, so that
    /// it wakes as a zombie.
    FreezeInstance {
        /// Counted from 0.
        instance: usize,
        /// How long it is frozen.
        frozen: Duration,
    },
    /// SIGKILL of one broker, restarted after `down`.
    KillBroker {
        /// The broker's id, counted from 1.
        broker: i32,
        /// How long it stays away.
        down: Duration,
    },
}

impl Blow {
    /// How long its victim is away.
    #[must_use]
    pub fn away(&self) -> Duration {
        match self {
            Self::KillInstance { down, .. } | Self::KillBroker { down, .. } => *down,
            Self::FreezeInstance { frozen, .. } => *frozen,
        }
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.away().as_secs_f64();
        match self {
            Self::KillInstance { instance, .. } => {
                write!(f, "kill instance {instance}, back in {seconds:.1} s")
            }
            Self::FreezeInstance { instance, .. } => {
                write!(f, "freeze instance {instance} for {seconds:.1} s")
            }
            Self::KillBroker { broker, .. } => {
                write!(f, "kill broker {broker}, back in {seconds:.1} s")
            }
        }
    }
}

/// A blow and when it falls, counted from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedBlow {
    /// Since the start of the run.
    pub at: Duration,
    /// What happens.
    pub blow: Blow,
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct PlanSettings {
    /// How many blows; a third each are freezes and broker kills, if brokers may be killed.
    pub blows: usize,
    /// The time over which they are spread.
    pub over: Duration,
    /// How many instances each job has.
    pub instances: usize,
    /// How many brokers may be killed; 0 leaves them alone.
    pub brokers: i32,
    /// The least time an instance is frozen: more than transactions and sessions last.
    pub freeze: Duration,
}

/// The blows of a seed, in the order of time.
///
/// No two brokers are away at the same time, and none in the shadow of the other's return; an
/// instance that is away is not hit. Everything else may coincide.
#[must_use]
pub fn plan(seed: u64, settings: &PlanSettings) -> Vec<PlannedBlow> {
    let mut rng = Rng::from_seed(seed);
    let mut kinds = Vec::with_capacity(settings.blows);
    for number in 0..settings.blows {
        kinds.push(match number % 3 {
            1 => Kind::Freeze,
            2 if settings.brokers > 0 => Kind::Broker,
            _ => Kind::Kill,
        });
    }
    rng.shuffle(&mut kinds);
    let slots = u32::try_from(settings.blows).unwrap_or(u32::MAX).max(1);
    let slot = settings.over / slots;
    let mut busy = Busy::default();
    let mut planned = Vec::with_capacity(settings.blows);
    for (number, kind) in (0..slots).zip(kinds) {
        let at = slot * number + slot.mul_f64(0.8 * rng.unit());
        let blow = kind.blow(settings, &mut rng);
        let at = busy.earliest(&blow).max(at);
        busy.note(&blow, at);
        planned.push(PlannedBlow { at, blow });
    }
    planned.sort_by_key(|planned| planned.at);
    planned
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Kill,
    Freeze,
    Broker,
}

impl Kind {
    fn blow(self, settings: &PlanSettings, rng: &mut Rng) -> Blow {
        let instances = u64::try_from(settings.instances.max(1)).unwrap_or(1);
        let instance = usize::try_from(rng.below(instances)).unwrap_or(0);
        match self {
            // From at once to long after the session has expired.
            Self::Kill => Blow::KillInstance {
                instance,
                down: between(rng, 0.0, 10.0),
            },
            Self::Freeze => Blow::FreezeInstance {
                instance,
                frozen: settings.freeze + between(rng, 0.0, 3.0),
            },
            Self::Broker => Blow::KillBroker {
                broker: 1 + i32::try_from(rng.below(settings.brokers.unsigned_abs().into()))
                    .unwrap_or(0),
                down: between(rng, 0.5, 8.0),
            },
        }
    }
}

fn between(rng: &mut Rng, low: f64, high: f64) -> Duration {
    Duration::from_secs_f64(low + (high - low) * rng.unit())
}

/// Until when whom must be left alone.
#[derive(Default)]
struct Busy {
    /// (instance, until)
    instances: Vec<(usize, Duration)>,
    brokers: Duration,
}

/// A broker that came back catches up before the next one may go.
const BROKER_CATCHES_UP: Duration = Duration::from_secs(10);

impl Busy {
    fn earliest(&self, blow: &Blow) -> Duration {
        match blow {
            Blow::KillBroker { .. } => self.brokers,
            Blow::KillInstance { instance, .. } | Blow::FreezeInstance { instance, .. } => {
                let of_it = self.instances.iter().filter(|(busy, _)| busy == instance);
                of_it.map(|(_, until)| *until).max().unwrap_or_default()
            }
        }
    }

    fn note(&mut self, blow: &Blow, at: Duration) {
        match blow {
            Blow::KillBroker { down, .. } => self.brokers = at + *down + BROKER_CATCHES_UP,
            Blow::KillInstance { instance, .. } | Blow::FreezeInstance { instance, .. } => {
                self.instances.push((*instance, at + blow.away()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: PlanSettings = PlanSettings {
        blows: 20,
        over: Duration::from_secs(300),
        instances: 3,
        brokers: 3,
        freeze: Duration::from_secs(12),
    };

    #[test]
    fn a_seed_makes_the_same_plan_and_another_seed_another() {
        assert_eq!(plan(7, &SETTINGS), plan(7, &SETTINGS));
        assert_ne!(plan(7, &SETTINGS), plan(8, &SETTINGS));
    }

    #[test]
    fn every_plan_has_all_kinds_and_as_many_blows_as_asked_for() {
        for seed in 0..100 {
            for blows in [6, 20] {
                let planned = plan(seed, &PlanSettings { blows, ..SETTINGS });
                let of = |kind: fn(&Blow) -> bool| planned.iter().filter(|p| kind(&p.blow)).count();
                assert_eq!(planned.len(), blows);
                assert_eq!(
                    of(|blow| matches!(blow, Blow::FreezeInstance { .. })),
                    (blows + 1) / 3
                );
                assert_eq!(
                    of(|blow| matches!(blow, Blow::KillBroker { .. })),
                    blows / 3
                );
                assert!(planned.is_sorted_by_key(|planned| planned.at));
            }
        }
    }

    #[test]
    fn brokers_that_may_not_be_killed_are_left_alone() {
        let planned = plan(
            1,
            &PlanSettings {
                brokers: 0,
                ..SETTINGS
            },
        );
        assert!(
            planned
                .iter()
                .all(|p| !matches!(p.blow, Blow::KillBroker { .. }))
        );
    }

    #[test]
    fn nobody_is_hit_while_away_and_brokers_go_one_at_a_time() {
        for seed in 0..200 {
            let planned = plan(seed, &SETTINGS);
            for (index, early) in planned.iter().enumerate() {
                for late in &planned[index + 1..] {
                    let back = early.at + early.blow.away();
                    let same = match (early.blow, late.blow) {
                        (Blow::KillBroker { .. }, Blow::KillBroker { .. }) => {
                            assert!(late.at >= back + BROKER_CATCHES_UP, "seed {seed}");
                            true
                        }
                        (Blow::KillBroker { .. }, _) | (_, Blow::KillBroker { .. }) => false,
                        (a, b) => victim(a) == victim(b),
                    };
                    assert!(!same || late.at >= back, "seed {seed}: {early:?} {late:?}");
                }
            }
        }
    }

    fn victim(blow: Blow) -> usize {
        match blow {
            Blow::KillInstance { instance, .. } | Blow::FreezeInstance { instance, .. } => instance,
            Blow::KillBroker { .. } => usize::MAX,
        }
    }
}
