//! Goes through the states of all workloads, on as many threads as there are processors,
//! and reports what was checked, or which state failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::explorer::{Explorer, Figures};
use super::identity::Identity;
use super::workloads::Workload;

/// Goes through `states` states in all. Returns the figures of each workload, or the
/// report about the first state that failed.
pub(super) fn enumerate(
    workloads: &'static [Workload],
    states: u64,
    seed: u64,
) -> Result<Vec<(&'static str, Figures)>, String> {
    let next = AtomicUsize::new(0);
    let figures = Mutex::new(Vec::new());
    let failure = Mutex::new(None);
    // Workloads without second cuts have few states.
    let recovering = workloads.iter().filter(|it| it.recovers).count();
    let share = states.div_ceil(recovering as u64);
    let work = || {
        while failure.lock().expect("not poisoned").is_none()
            && let Some(workload) = workloads.get(next.fetch_add(1, Ordering::Relaxed))
        {
            match explore(workload, share, seed) {
                Ok(found) => figures.lock().expect("not poisoned").push((workload.name, found)),
                Err(reported) => {
                    failure.lock().expect("not poisoned").get_or_insert(reported);
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    match failure.into_inner().expect("not poisoned") {
        Some(reported) => Err(reported),
        None => Ok(figures.into_inner().expect("not poisoned")),
    }
}

/// At most half of the states are states of the first cut.
fn explore(workload: &'static Workload, states: u64, seed: u64) -> Result<Figures, String> {
    let mut explorer = None;
    let explored = catch_unwind(AssertUnwindSafe(|| {
        let explorer = explorer.insert(Explorer::of(workload, seed));
        explorer.check_first(states.div_ceil(2));
        explorer.check_second(states);
    }));
    match (explored, explorer) {
        (Ok(()), Some(explorer)) => Ok(explorer.figures),
        (Err(cause), Some(explorer)) => Err(failed(&explorer.now, seed, &*cause)),
        (Err(cause), None) => {
            Err(format!("{} cannot be recorded: {}", workload.name, words(&*cause)))
        }
        (Ok(()), None) => unreachable!("the explorer is made first"),
    }
}

/// Checks one state again, and returns the operations that led to it.
pub(super) fn check_again(
    workloads: &'static [Workload],
    identity: &Identity,
    seed: u64,
) -> Result<String, String> {
    let workload = workloads.iter().find(|it| it.name == identity.workload);
    let workload = workload.ok_or(format!("there is no workload {}", identity.workload))?;
    let mut explorer = Explorer::of(workload, seed);
    let checked = catch_unwind(AssertUnwindSafe(|| explorer.check_again(identity)));
    let trace = explorer.trace;
    match checked {
        Ok(()) => Ok(trace),
        Err(cause) => {
            Err(format!("{}\nwhat came before:\n{trace}", failed(identity, seed, &*cause)))
        }
    }
}

/// What failed, and the one command that checks it again.
fn failed(identity: &Identity, seed: u64, cause: &(dyn std::any::Any + Send)) -> String {
    let cause = words(cause);
    format!(
        "{cause}\nGAUGELOG_SEED={seed} GAUGELOG_POWER_CUT_STATE={identity} \
         cargo test -p gaugelog --lib every_state_that_a_power_cut -- --nocapture"
    )
}

/// The message of a panic.
fn words(cause: &(dyn std::any::Any + Send)) -> &str {
    let text = cause.downcast_ref::<&str>().copied();
    cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(text)
        .unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::super::script::Step::{Append, Lie, Open};
    use super::super::script::{ALWAYS, NEVER};
    use super::super::workloads::{PLAIN, WORKLOADS};
    use super::*;

    const LYING: &[Workload] = &[Workload {
        name: "lying",
        before: &[Open(ALWAYS), Append(1)],
        steps: &[Open(NEVER), Append(40), Append(1), Lie],
        ..PLAIN
    }];

    #[test]
    fn a_loss_is_reported_with_the_command_that_shows_it_again() {
        let reported = enumerate(LYING, 1_000, 7).expect_err("a lie");
        assert!(reported.contains("LOST"), "{reported}");
        let (_, command) = reported.split_once('\n').expect("a second line");
        let (seed, rest) = command.split_once(" GAUGELOG_POWER_CUT_STATE=").expect("a state");
        assert_eq!(seed, "GAUGELOG_SEED=7");
        let (name, _) = rest.split_once(' ').expect("a command");
        let again = check_again(LYING, &name.parse().expect("a name"), 7).expect_err("a lie");
        assert!(again.starts_with(&reported), "{again}");
        assert!(again.contains("write 0000000000000002.log"), "what came before: {again}");
    }

    #[test]
    fn a_state_is_made_again_from_its_name() {
        for workload in WORKLOADS.iter().step_by(5) {
            let mut explorer = Explorer::of(workload, 3);
            explorer.noted = Some(Vec::new());
            explorer.check_first(60);
            explorer.check_second(300);
            let noted = explorer.noted.take().expect("noted");
            for (identity, digest) in noted.iter().step_by(noted.len() / 12) {
                let name = identity.to_string();
                assert_eq!(name.parse().as_ref(), Ok(identity));
                let mut explorer = Explorer::of(workload, 3);
                explorer.noted = Some(Vec::new());
                explorer.check_again(identity);
                let again = explorer.noted.take().expect("noted").pop();
                assert_eq!(again, Some((identity.clone(), *digest)), "{name}");
            }
        }
    }

    #[test]
    fn no_state_is_checked_twice_as_one_of_a_longer_run() {
        let mut explorer = Explorer::of(&WORKLOADS[8], 3);
        explorer.noted = Some(Vec::new());
        explorer.check_first(u64::MAX);
        explorer.check_second(5_000);
        let figures = explorer.figures;
        let mut names: Vec<String> = Vec::new();
        for (identity, _) in explorer.noted.take().expect("noted") {
            names.extend(identity.second.is_some().then(|| identity.to_string()));
        }
        let all = names.len() as u64;
        names.sort();
        names.dedup();
        assert_eq!(names.len() as u64, all, "each recovery another one");
        assert_eq!(figures.second_all + figures.second_drawn, all);
    }
}
