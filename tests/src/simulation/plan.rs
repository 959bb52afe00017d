//! What a seed makes of a world: who is in it, and what goes wrong when.

use std::time::Duration;

use thalweg_client::Rng;
use thalweg_protocol::{ApiKey, ErrorCode};

use super::clients::DELIVERY_TIMEOUT_MS;
use super::instance::{Blow, Manner, SESSION_TIMEOUT_MS};
use super::jobs::Job;
use super::machine::Damage;
use super::network::{Silence, Strike, Weather};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// An instance, by its number, is struck.
    Instance(usize, Blow),
    /// The network changes its mood.
    Weather(Weather),
    /// One request to come is struck.
    Strike(Strike),
    /// An instance does not reach a broker for a while.
    Cut {
        /// The instance.
        instance: usize,
        /// The broker.
        node: u16,
        /// For how long.
        millis: u64,
    },
    /// An instance reaches no broker for a while.
    Isolate {
        /// The instance.
        instance: usize,
        /// For how long.
        millis: u64,
    },
    /// The brokers refuse what is written, for what is in it.
    Refuse {
        /// So many requests.
        times: usize,
    },
    /// An app's requests of a kind are refused for want of a permission.
    Deny {
        /// This kind.
        api: ApiKey,
        /// With this error.
        code: ErrorCode,
        /// So many.
        times: usize,
    },
    /// A broker goes down for a while.
    Kill {
        /// The broker.
        node: u16,
        /// For how long.
        millis: u64,
        /// What was not replicated yet is gone.
        losing: bool,
    },
    /// A broker stands still for a while.
    PauseBroker {
        /// The broker.
        node: u16,
        /// For how long.
        millis: u64,
    },
    /// Another broker leads a partition of a topic.
    MoveLeader {
        /// Of all partitions, this one modulo their number.
        partition: u64,
        /// To this broker.
        node: u16,
    },
    /// Another broker coordinates a group or a transactional id.
    MoveCoordinators {
        /// To this broker.
        node: u16,
    },
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The release the brokers play.
    pub release: &'static str,
    /// How many brokers.
    pub brokers: u16,
    /// The longest until the followers have what a leader has.
    pub replication_delay_max: Duration,
    /// The longest until the end of a transaction is in all its partitions.
    pub marker_delay_max: Duration,
    /// Partitions of `in` and `out`.
    pub partitions: i32,
    /// How many instances.
    pub instances: usize,
    /// How they are run.
    pub manner: Manner,
    /// Records of each producer.
    pub writers: Vec<u64>,
    /// How long a producer rests at most.
    pub pause_max: Duration,
    /// Members of a group that reads the output.
    pub group_readers: usize,
    /// What goes wrong, in the order of time.
    pub events: Vec<(Duration, Event)>,
    /// When it stops to go wrong.
    pub calm_at: Duration,
}

/// Releases with transactions of protocol Two, and older ones.
const RELEASES: [&str; 5] = ["4.4", "4.4", "4.0", "3.9", "2.8"];

/// The requests that matter to a commit, a restore or a rebalance.
const STRUCK: [ApiKey; 14] = [
    ApiKey::LeaveGroup,
    ApiKey::Produce,
    ApiKey::EndTxn,
    ApiKey::EndTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::InitProducerId,
    ApiKey::OffsetFetch,
    ApiKey::ListOffsets,
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Fetch,
    ApiKey::FindCoordinator,
];

impl Plan {
    /// What the seed says. `job`: only that. `wild`: very much goes wrong.
    #[must_use]
    pub fn of(rng: &mut Rng, job: Option<Job>, wild: bool) -> Self {
        let picked = rng.choose(&Job::ALL).copied().unwrap_or(Job::Pass);
        let brokers = 3;
        let instances = 1 + below(rng, 3);
        let calm_at = Duration::from_millis(8_000 + rng.below(14_000));
        let manner = Manner {
            job: job.unwrap_or(picked),
            workers: 1 + u32::from(rng.below(3) == 0),
            commit_interval_ms: 60 + rng.below(400),
            transaction_timeout_ms: 3_000 + rng.below(9_000),
        };
        let writers = 1 + below(rng, 2);
        let mut plan = Plan {
            release: rng.choose(&RELEASES).copied().unwrap_or("4.4"),
            brokers,
            replication_delay_max: Duration::from_micros(rng.below(30_000)),
            marker_delay_max: Duration::from_micros(rng.below(200_000)),
            partitions: 1 + i32::try_from(rng.below(3)).unwrap_or(0),
            instances,
            manner,
            writers: (0..writers).map(|_| 60 + rng.below(120)).collect(),
            pause_max: Duration::from_millis(300 + rng.below(900)),
            group_readers: below(rng, 3),
            events: Vec::new(),
            calm_at,
        };
        plan.go_wrong(rng, wild, job.is_some());
        plan.events.sort_by_key(|(at, _)| *at);
        plan
    }

    fn go_wrong(&mut self, rng: &mut Rng, wild: bool, job_given: bool) {
        let millis = u64::try_from(self.calm_at.as_millis()).unwrap_or(0);
        let mut events = 2 + rng.below(10);
        let mut silences = u64::from(rng.below(3) == 0);
        if wild && self.direct(rng, job_given) {
            // What it leads to should not be lost in all the rest.
            (events, silences) = (rng.below(3), 0);
        } else if wild {
            (events, silences) = (3 * events, 4);
        }
        for _ in 0..events {
            let at = rng.below(millis);
            let event = self.event(rng);
            self.push(at, event);
        }
        for _ in 0..silences {
            // Some before anything is committed.
            let at = rng.below(millis) * rng.below(2);
            let strike = silencing(rng, &self.manner, wild);
            let lasts = strike.silence.map_or(0, |silence| silence.millis + 3_000);
            if lasts > DELIVERY_TIMEOUT_MS {
                self.calm_at = self.calm_at.max(Duration::from_millis(at + lasts));
            }
            self.push(at, Event::Strike(strike));
        }
        if rng.below(if wild { 2 } else { 30 }) == 0 {
            let at = rng.below(millis);
            self.push(at, deny(rng));
        }
        if rng.below(if wild { 3 } else { 15 }) == 0 {
            // Longer than a producer tries for (`delivery.timeout.ms`): then outcomes are unknown.
            let at = 3_000 + rng.below(3_000);
            let event = Event::Cut {
                instance: below(rng, self.instances),
                node: u16::try_from(rng.below(u64::from(self.brokers))).unwrap_or(0),
                millis: 130_000,
            };
            self.push(at, event);
            self.calm_at = Duration::from_secs(145);
        }
    }

    fn push(&mut self, at_millis: u64, event: Event) {
        self.events.push((Duration::from_millis(at_millis), event));
    }

    /// Some worlds lead to what hardly any comes by. Whether this one does.
    fn direct(&mut self, rng: &mut Rng, job_given: bool) -> bool {
        match rng.below(7) {
            0 => self.outdate_takeovers(rng, job_given),
            1 => self.stop_while_committing(rng),
            2 | 3 => self.leave_owners_undecided(rng),
            4 => self.hide_outcomes(rng),
            _ => return false,
        }
        true
    }

    /// A takeover is cut off from all between its questions, and others go on with the task.
    fn outdate_takeovers(&mut self, rng: &mut Rng, job_given: bool) {
        let stateful = [Job::Count, Job::Windows, Job::Repartition, Job::Repartition];
        if !job_given {
            self.manner.job = rng.choose(&stateful).copied().unwrap_or(Job::Count);
        }
        self.instances = 3;
        for at in [0, 0, 2_500, 5_000, 7_500] {
            let strike = Strike {
                api: ApiKey::ListOffsets,
                after: rng.below(6),
                applied: rng.below(2) == 0,
                silence: Some(Silence::of_all(7_000 + rng.below(6_000))),
            };
            self.push(at + rng.below(500), Event::Strike(strike));
        }
    }

    /// An app is stopped by an error while it commits, as it does most of the time.
    fn stop_while_committing(&mut self, rng: &mut Rng) {
        self.manner.commit_interval_ms = 20;
        self.pause_max = Duration::from_millis(60);
        let slow = Weather {
            latency: Duration::from_millis(20),
            ..Weather::CALM
        };
        self.push(0, Event::Weather(slow));
        for second in 1..6 {
            let at = 1_000 * second + rng.below(900);
            self.push(at, deny(rng));
        }
    }

    /// The group goes on while a transaction of a former member may still be decided.
    fn leave_owners_undecided(&mut self, rng: &mut Rng) {
        self.instances = 2 + below(rng, 2);
        self.manner.transaction_timeout_ms = 14_000;
        self.marker_delay_max = Duration::from_millis(400);
        for at in [1_000, 3_500, 6_000] {
            let silence = Silence::of_all(SESSION_TIMEOUT_MS + 500 + rng.below(4_000));
            let strike = Strike {
                api: ApiKey::Produce,
                after: rng.below(3),
                applied: false,
                silence: Some(silence),
            };
            self.push(at + rng.below(900), Event::Strike(strike));
        }
    }

    /// A member does not know how its transaction was decided.
    fn hide_outcomes(&mut self, rng: &mut Rng) {
        self.manner.transaction_timeout_ms = 3_000;
        for at in [1_000, 5_000, 9_000] {
            let silence = Silence::of_broker(3_500 + rng.below(2_000));
            let strike = Strike {
                api: ApiKey::EndTxn,
                after: rng.below(3),
                applied: rng.below(3) == 0,
                silence: Some(silence),
            };
            self.push(at + rng.below(900), Event::Strike(strike));
        }
    }

    fn event(&self, rng: &mut Rng) -> Event {
        let instance = below(rng, self.instances);
        let node = u16::try_from(rng.below(u64::from(self.brokers))).unwrap_or(0);
        match rng.below(23) {
            0..=2 => Event::Instance(instance, crash(rng)),
            3..=5 => Event::Instance(instance, pause(rng)),
            6 => {
                let deadline_millis = match rng.below(3) {
                    0 => rng.below(50),
                    _ => 10_000,
                };
                Event::Instance(instance, Blow::Stop { deadline_millis })
            }
            7 => {
                let millis = i64::try_from(rng.below(1_200_000)).unwrap_or(0) - 600_000;
                Event::Instance(instance, Blow::Jump { millis })
            }
            8 => {
                let millis = 1_000 + rng.below(4_000);
                Event::Instance(instance, Blow::FillDisk { millis })
            }
            9..=10 => Event::Weather(weather(rng)),
            11..=14 => Event::Strike(strike(rng)),
            15 => Event::Cut {
                instance,
                node,
                millis: 500 + rng.below(9_000),
            },
            16 => Event::Kill {
                node,
                millis: 500 + rng.below(6_000),
                losing: rng.below(2) == 0,
            },
            17 => Event::PauseBroker {
                node,
                millis: 500 + rng.below(6_000),
            },
            18 => Event::MoveLeader {
                partition: rng.next_u64(),
                node,
            },
            19..=20 => Event::Isolate {
                instance,
                millis: 2_000 + rng.below(18_000),
            },
            21 if rng.below(3) == 0 => Event::Refuse {
                times: 1 + below(rng, 12),
            },
            _ => Event::MoveCoordinators { node },
        }
    }
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap_or(0)
}

fn crash(rng: &mut Rng) -> Blow {
    let damage = [Damage::Torn, Damage::Flipped, Damage::Missing];
    let damaged = rng.below(4) == 0;
    Blow::Crash {
        unplugged: rng.below(3) == 0,
        damage: rng.choose(&damage).copied().filter(|_| damaged),
    }
}

fn pause(rng: &mut Rng) -> Blow {
    let millis = match rng.below(3) {
        0 => 300 + rng.below(2_000),
        // Beyond the session's and the transaction's time-outs.
        _ => 4_000 + rng.below(9_000),
    };
    Blow::Pause {
        millis,
        workers_only: rng.below(3) == 0,
    }
}

fn strike(rng: &mut Rng) -> Strike {
    Strike {
        api: rng.choose(&STRUCK).copied().unwrap_or(ApiKey::EndTxn),
        after: rng.below(4),
        applied: rng.below(2) == 0,
        silence: None,
    }
}

/// After the request nothing is heard for a while.
fn silencing(rng: &mut Rng, manner: &Manner, wild: bool) -> Strike {
    let within =
        |rng: &mut Rng, from: u64, to: u64| from + rng.below(to.saturating_sub(from).max(1));
    let (session, transaction) = (SESSION_TIMEOUT_MS, manner.transaction_timeout_ms);
    let (api, applied, silence) = match rng.below(8) {
        // The group goes on while a transaction may still be decided either way.
        0 | 1 => {
            let millis = within(rng, session + 300, transaction.max(session + 1_000));
            (ApiKey::Produce, false, Silence::of_all(millis))
        }
        // A transaction has been decided, and the one it is of does not know how.
        2 | 3 => {
            let millis = match wild {
                true => 130_000,
                false => within(rng, transaction + 300, transaction + 9_000),
            };
            (
                ApiKey::EndTxn,
                rng.below(2) == 0,
                Silence::of_broker(millis),
            )
        }
        // A takeover hears of one half before the new owner's commits, of the other after them; or a
        // commit does.
        kind @ 4..=6 => {
            let millis = within(rng, session, session + 12_000);
            let api = match kind {
                6 => ApiKey::TxnOffsetCommit,
                _ => ApiKey::ListOffsets,
            };
            (api, rng.below(2) == 0, Silence::of_all(millis))
        }
        // A producer gives up what is written.
        _ => {
            let silence = Silence {
                of: "w",
                ..Silence::of_broker(DELIVERY_TIMEOUT_MS + 5_000)
            };
            (ApiKey::Produce, true, silence)
        }
    };
    Strike {
        api,
        after: rng.below(3),
        applied,
        silence: Some(silence),
    }
}

fn deny(rng: &mut Rng) -> Event {
    let (api, code) = match rng.below(3) {
        0 => (ApiKey::Heartbeat, ErrorCode::GROUP_AUTHORIZATION_FAILED),
        _ => (ApiKey::Fetch, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    };
    let times = 1 + below(rng, 2);
    Event::Deny { api, code, times }
}

fn weather(rng: &mut Rng) -> Weather {
    let rare = |rng: &mut Rng, often: u64| match rng.below(2) {
        0 => 0,
        _ => often + rng.below(4 * often),
    };
    Weather {
        latency: Duration::from_micros(200 + rng.below(20_000)),
        jitter: Duration::from_micros(rng.below(60_000)),
        cut_before_one_in: rare(rng, 60),
        cut_after_one_in: rare(rng, 60),
        stall_one_in: rare(rng, 200),
    }
}
