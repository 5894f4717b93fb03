//! Whatever is being read ends when its flag is set, and nothing else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{ErrorKind, Result};
use crate::format::CHUNK;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::read::snapshot::Snapshot;
use crate::read::window::Window;

/// Every question, of a window that cuts a leaf.
fn ask(snapshot: &Snapshot) -> [Result<()>; 6] {
    let window = snapshot.window(5..);
    [
        window.summary().map(drop),
        window.quantile(0.3).map(drop),
        window.histogram(7).map(drop),
        window.columns(7).map(drop),
        window.buckets(Duration::from_nanos(100), 0).map(drop),
        window.iter().try_for_each(|row| row.map(drop)),
    ]
}

#[test]
fn what_is_not_wanted_any_more_is_not_read() -> Result<()> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("store");
    let chunk = i64::try_from(CHUNK).expect("small");
    let options = Options::new().sync(SyncPolicy::Never);
    let store = options.create(&path)?;
    let rows = (0..2 * chunk + 500).map(|n| Observation::new(n, (n % 1_000) as f64 / 3.0));
    let rows: Vec<Observation> = rows.collect();
    // In the log alone, and then for the most part in chunks.
    for part in [&rows[..400], &rows[400..]] {
        store.append_batch(part)?;
        store.seal()?;
        let flag = Arc::new(AtomicBool::new(false));
        let snapshot = options.clone().cancel_reads(Arc::clone(&flag)).snapshot(&path)?;
        assert!(ask(&snapshot).iter().all(Result::is_ok));
        let (mut by_time, mut by_sequence) = (snapshot.window(..).iter(), snapshot.by_sequence(..));
        assert!(by_time.next().is_some_and(|row| row.is_ok()));
        assert!(by_sequence.next().is_some_and(|row| row.is_ok()));
        flag.store(true, Ordering::Relaxed);
        for answer in ask(&snapshot) {
            assert_eq!(answer.expect_err("it is cancelled").kind(), ErrorKind::Cancelled);
        }
        // For no quantile nothing is read.
        assert_eq!(Window::quantiles_of_all(&[snapshot.window(..)], &[])?, []);
        // An iterator hands over what it has, and then ends with the error.
        let has_ended = |error: Option<crate::Error>| {
            part.len() < 1_000 || error.is_some_and(|error| error.kind() == ErrorKind::Cancelled)
        };
        assert!(has_ended(by_time.by_ref().find_map(Result::err)) && by_time.next().is_none());
        assert!(has_ended(by_sequence.by_ref().find_map(Result::err)));
        assert!(by_sequence.next().is_none());
        // A later snapshot has a flag of its own.
        let again = options.snapshot_again(&path, &snapshot)?;
        assert!(ask(&again).iter().all(Result::is_ok));
    }
    Ok(())
}
