//! Goes through the states of one workload: those that the first cut may leave, and then
//! those of a second cut during the recovery.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::rc::Rc;

use super::choices::{Choices, State, digest, mix};
use super::content::SECTOR_BYTES;
use super::identity::{End, Identity, Second};
use super::listed_log::ListedLog;
use super::look::look;
use super::observer::{Done, Moment, Observer};
use super::place::Place;
use super::reported::{Death, Reported};
use super::script::{Actor, Failing, Step, verdicts};
use super::simulated_disk::SimulatedDisk;
use super::workloads::Workload;
use crate::format::record::RECORD_BYTES;
use crate::options::Options;
use crate::os::disk::watch;

/// How many states are drawn of a moment that leaves more than can be counted.
const DRAWN: u64 = 48;
/// How many places are drawn in a long write to kill a process at.
const KILLS: usize = 12;
/// The most states that are checked of one recovery. In each eighth round all are
/// checked.
const SECOND_MOST: usize = 32;
const ROUNDS: u64 = 8;

/// Observations and identities of recoveries begin here, beyond those of any workload.
const SECOND_NUMBER: u64 = 1_000_000;
const SECOND_IDENTITY: u64 = 1 << 32;

/// The sector of a log with its first frame.
const FIRST_SECTOR: usize = RECORD_BYTES / SECTOR_BYTES;

/// How many states were checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// States of the first cut, where every combination was checked, and drawn ones.
    pub(super) first_all: u64,
    pub(super) first_drawn: u64,
    /// States that processes find after a kill.
    pub(super) killed: u64,
    pub(super) second_all: u64,
    pub(super) second_drawn: u64,
}

impl Figures {
    pub(super) fn states(&self) -> u64 {
        self.first_all + self.first_drawn + self.killed + self.second_all + self.second_drawn
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.first_all += other.first_all;
        self.first_drawn += other.first_drawn;
        self.killed += other.killed;
        self.second_all += other.second_all;
        self.second_drawn += other.second_drawn;
    }
}

/// A state to be checked.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    moment: usize,
    end: End,
    /// Whether every combination of its moment is checked.
    all: bool,
}

pub(super) struct Explorer {
    workload: &'static Workload,
    seed: u64,
    options: Options,
    place: Place,
    moments: Vec<Moment>,
    pub(super) figures: Figures,
    /// The state being checked, for the report of a failure.
    pub(super) now: Identity,
    /// The operations that led to it.
    pub(super) trace: String,
    /// The name and the digest of each checked state, if they are wanted.
    pub(super) noted: Option<Vec<(Identity, u64)>>,
}

impl Explorer {
    /// Runs the workload and notes its moments.
    pub(super) fn of(workload: &'static Workload, seed: u64) -> Self {
        let mut explorer = Self {
            workload,
            seed: mix(seed, workload.name.bytes().fold(0, |mixed, byte| mix(mixed, byte.into()))),
            options: Options {
                log_bytes_max: workload.log_bytes_max,
                late_marks: workload.late_marks,
                ..Options::new()
            },
            place: Place::new(),
            moments: Vec::new(),
            figures: Figures::default(),
            now: Identity {
                workload: workload.name.to_owned(),
                moment: 0,
                end: End::Kill(0),
                second: None,
            },
            trace: String::new(),
            noted: None,
        };
        explorer.record();
        explorer
    }

    fn record(&mut self) {
        let (mut disk, mut reported) = (SimulatedDisk::default(), Reported::default());
        if !self.workload.before.is_empty() {
            let before = self.run(disk, reported, self.workload.before, 0, 1);
            let last = before.last().expect("a moment");
            let log = last.disk.seen().as_ref().and_then(ListedLog::of).map(|log| log.name);
            let lost: Vec<usize> =
                self.workload.lost_sectors.iter().map(|sector| FIRST_SECTOR + sector).collect();
            let state = Choices::of(&last.disk).newest_but(&log.unwrap_or_default(), &lost);
            self.place.show(&state);
            let found =
                look(&mut self.place, &state, &last.reported, Death::PowerCut, &self.options);
            self.place.show(&state);
            reported = last.reported.of_next_process(&found, Death::PowerCut);
            disk = SimulatedDisk::holding(state.as_ref());
        }
        self.moments = self.run(disk, reported, self.workload.steps, 100_000, 1_000);
        let seen = self.moments.last().expect("a moment").disk.seen();
        self.place.assert_shows(&seen);
    }

    /// Runs a script on what the place shows, and returns its moments.
    fn run(
        &mut self,
        disk: SimulatedDisk,
        reported: Reported,
        steps: &[Step],
        first_number: u64,
        first_identity: u64,
    ) -> Vec<Moment> {
        let path = self.place.path().to_owned();
        let failing = Failing::default();
        let observer =
            Observer::new(&path, disk, reported).noting_moments().judged_by(verdicts(&failing));
        let observer = Rc::new(RefCell::new(observer));
        watch::count_identities_from(first_identity);
        let actor =
            Actor::new(path, self.options.clone(), Rc::clone(&observer), failing, first_number);
        actor.run(steps);
        let mut observer = observer.borrow_mut();
        self.place.changed_to(observer.disk.seen());
        observer.take_moments()
    }

    /// Checks the states of the first cut, or `most` of them spread evenly if there are
    /// more.
    pub(super) fn check_first(&mut self, most: u64) {
        let candidates = self.first_candidates();
        let (count, most) = (candidates.len() as u64, most.max(1));
        for (at, candidate) in (0..).zip(candidates) {
            if count > most && at * most / count == (at + 1) * most / count {
                continue;
            }
            self.check(candidate.moment, candidate.end);
            match candidate {
                Candidate { end: End::Kill(_), .. } => self.figures.killed += 1,
                Candidate { all: true, .. } => self.figures.first_all += 1,
                Candidate { all: false, .. } => self.figures.first_drawn += 1,
            }
        }
    }

    /// Checks states of second cuts until `until` states have been checked in all.
    pub(super) fn check_second(&mut self, until: u64) {
        if !self.workload.recovers {
            return;
        }
        let mut operations: Vec<usize> = (0..self.moments.len())
            .filter(|at| *at == 0 || !matches!(self.moments[*at].done, Done::Nothing))
            .collect();
        for round in 0.. {
            operations.sort_by_key(|moment| mix(mix(self.seed, round), *moment as u64));
            for moment in &operations {
                if self.figures.states() >= until {
                    return;
                }
                let (end, recovery) = self.visit(*moment, round);
                self.check_recovery(*moment, end, recovery, round, until);
            }
        }
    }

    /// What to do at a moment in a round: never the same twice.
    fn visit(&self, moment: usize, round: u64) -> (End, u64) {
        let written_down = self.workload.recoveries();
        let chance = mix(self.seed, moment as u64);
        let recovery = |number: u64, lap: u64| match lap {
            // Drawn, and different each time.
            lap if lap >= written_down => lap.wrapping_add(number),
            lap => mix(chance, number).wrapping_add(lap) % written_down,
        };
        // Two cuts, then a kill, at a different round for each moment.
        let shifted = round + chance % 3;
        if shifted % 3 == 2 {
            let turn = shifted / 3;
            let places = kill_places(&self.moments[moment].done);
            let number = chance.wrapping_add(turn) % places;
            let bytes = usize::try_from(number).expect("a place in a write");
            return (End::Kill(bytes), recovery(number, turn / places));
        }
        let turn = shifted - shifted / 3;
        let (all, counted) = Choices::of(&self.moments[moment].disk).counted();
        let lap = turn / counted;
        if all || lap == 0 {
            let number = chance.wrapping_add(turn) % counted;
            return (End::Cut(number), recovery(number, lap));
        }
        // One more drawn state, different each time.
        (End::Cut(DRAWN + turn), recovery(turn, mix(chance, turn) % (written_down + 4)))
    }

    /// The different states of the first cut and of kills.
    fn first_candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut seen = HashSet::new();
        for (at, moment) in self.moments.iter().enumerate() {
            candidates.extend(self.cuts(&self.moments, at, self.seed, &mut seen));
            let mut kill = |bytes: usize| {
                let end = End::Kill(bytes);
                let state = self.state(&self.moments, at, end, self.seed).0;
                let digest = mix(mix(digest(&state), moment.reported.digest()), 1);
                seen.insert(digest).then_some(Candidate { moment: at, end, all: true })
            };
            match &moment.done {
                Done::Write { bytes, .. } => {
                    let content = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
                    let step = (content / KILLS).max(1) | 1;
                    candidates.extend((1..=content).step_by(step).filter_map(&mut kill));
                    candidates.extend(kill(bytes.len()));
                }
                _ => candidates.extend(kill(0)),
            }
        }
        candidates
    }

    /// The different states of a cut at one of `moments`.
    fn cuts(
        &self,
        moments: &[Moment],
        at: usize,
        seed: u64,
        seen: &mut HashSet<u64>,
    ) -> Vec<Candidate> {
        let moment = &moments[at];
        let choices = Choices::of(&moment.disk);
        let (all, counted) = choices.counted();
        let numbers = if all { counted } else { counted + DRAWN };
        let reported = moment.reported.digest();
        let is_another = |number: &u64| {
            let state = choices.state(*number, self.drawing_seed(seed, at, *number));
            seen.insert(mix(digest(&state), reported))
        };
        let candidate = |number| Candidate { moment: at, end: End::Cut(number), all };
        (0..numbers).filter(is_another).map(candidate).collect()
    }

    fn drawing_seed(&self, seed: u64, moment: usize, number: u64) -> u64 {
        mix(mix(seed, moment as u64), number)
    }

    /// The state after one of `moments` came to this end, and the disk with it.
    fn state(&self, moments: &[Moment], at: usize, end: End, seed: u64) -> (State, SimulatedDisk) {
        let moment = &moments[at];
        match (end, &moment.done) {
            (End::Cut(number), _) => {
                let seed = self.drawing_seed(seed, at, number);
                let state = Choices::of(&moment.disk).state(number, seed);
                let disk = SimulatedDisk::holding(state.as_ref());
                (state, disk)
            }
            (End::Kill(killed), Done::Write { name, offset, bytes }) if killed < bytes.len() => {
                let mut disk = moments[at - 1].disk.clone();
                let length = killed;
                let operation = crate::os::disk::Operation::Write { offset: *offset, length };
                disk.apply(name, operation, &bytes[..killed]);
                (disk.seen(), disk)
            }
            (End::Kill(_), _) => (moment.disk.seen(), moment.disk.clone()),
        }
    }

    /// Checks a state of the first cut, and returns how the next process begins.
    fn check(&mut self, at: usize, end: End) -> (State, SimulatedDisk, Reported) {
        (self.now.moment, self.now.end, self.now.second) = (at, end, None);
        let (state, disk) = self.state(&self.moments, at, end, self.seed);
        let death = death(end);
        self.note(&state);
        self.place.show(&state);
        let reported = &self.moments[at].reported;
        let found = look(&mut self.place, &state, reported, death, &self.options);
        (state, disk, reported.of_next_process(&found, death))
    }

    /// Lets a process go on from a state of the first cut. Returns its moments, and the
    /// seed of what is drawn from them.
    fn recover(&mut self, at: usize, end: End, recovery: u64) -> (Vec<Moment>, u64) {
        let (state, disk, reported) = self.check(at, end);
        self.place.show(&state);
        let second = Second { recovery, moment: 0, number: 0 };
        self.now.second = Some(second);
        let steps = self.workload.recovery(recovery, mix(self.seed, recovery));
        let moments = self.run(disk, reported, &steps, SECOND_NUMBER, SECOND_IDENTITY);
        let last = moments.last().expect("a moment");
        let seen = last.disk.seen();
        look(&mut self.place, &seen, &last.reported, Death::Kill, &self.options);
        let (kind, number) = match end {
            End::Cut(number) => (0, number),
            End::Kill(bytes) => (1, bytes as u64),
        };
        let seed = mix(mix(mix(self.seed, at as u64), mix(kind, number)), recovery);
        (moments, seed)
    }

    fn check_recovery(&mut self, at: usize, end: End, recovery: u64, round: u64, until: u64) {
        let (moments, seed) = self.recover(at, end, recovery);
        let mut seen = HashSet::new();
        let mut candidates = Vec::new();
        for second in 0..moments.len() {
            candidates.extend(self.cuts(&moments, second, seed, &mut seen));
        }
        let chance = mix(seed, round);
        let step = match round % ROUNDS {
            last if last == ROUNDS - 1 => 1,
            _ => candidates.len().div_ceil(SECOND_MOST).max(1),
        };
        let first = usize::try_from(chance % step as u64).expect("less than the step");
        for candidate in candidates.iter().skip(first).step_by(step) {
            if self.figures.states() >= until {
                return;
            }
            let End::Cut(number) = candidate.end else { continue };
            self.check_second_cut(&moments, candidate.moment, number, seed);
            match candidate.all && step == 1 {
                true => self.figures.second_all += 1,
                false => self.figures.second_drawn += 1,
            }
        }
    }

    fn check_second_cut(&mut self, moments: &[Moment], at: usize, number: u64, seed: u64) {
        if let Some(second) = &mut self.now.second {
            (second.moment, second.number) = (at, number);
        }
        let state = self.state(moments, at, End::Cut(number), seed).0;
        self.note(&state);
        self.place.show(&state);
        look(&mut self.place, &state, &moments[at].reported, Death::PowerCut, &self.options);
    }

    fn note(&mut self, state: &State) {
        if let Some(noted) = &mut self.noted {
            noted.push((self.now.clone(), digest(state)));
        }
    }

    /// Checks the one state of this name, and notes the operations that led to it.
    pub(super) fn check_again(&mut self, identity: &Identity) {
        let moments = self.moments.len();
        assert!(identity.moment < moments, "the workload has {moments} moments");
        self.trace = trace_of(&self.moments[..=identity.moment]);
        let Some(second) = identity.second else {
            self.check(identity.moment, identity.end);
            return;
        };
        let (moments, seed) = self.recover(identity.moment, identity.end, second.recovery);
        self.trace += "and then\n";
        assert!(second.moment < moments.len(), "what went on has {} moments", moments.len());
        self.trace += &trace_of(&moments[..=second.moment]);
        self.check_second_cut(&moments, second.moment, second.number, seed);
    }
}

fn death(end: End) -> Death {
    match end {
        End::Cut(_) => Death::PowerCut,
        End::Kill(_) => Death::Kill,
    }
}

/// How many bytes of an operation can be done before a kill. Zeros written ahead count
/// once.
fn kill_places(done: &Done) -> u64 {
    match done {
        Done::Write { bytes, .. } => {
            let content = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            (content as u64 + 2).min(bytes.len() as u64 + 1)
        }
        _ => 1,
    }
}

/// The operations that led to a moment, one a line.
fn trace_of(moments: &[Moment]) -> String {
    let mut trace = String::new();
    for (at, moment) in moments.iter().enumerate() {
        let line = match &moment.done {
            Done::Nothing => {
                let stored = moment.reported.stored().len();
                writeln!(
                    trace,
                    "{at:4} reported: {stored} stored, {} durable",
                    moment.reported.durable()
                )
            }
            Done::Write { name, offset, bytes } => {
                writeln!(trace, "{at:4} write {name} {offset} + {}", bytes.len())
            }
            Done::Other { name, operation, failed } => {
                let failed = if *failed { ", which FAILED" } else { "" };
                writeln!(trace, "{at:4} {operation:?} {name}{failed}")
            }
        };
        line.expect("written to memory");
    }
    trace
}
