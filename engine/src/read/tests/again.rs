//! Snapshots of one store share what they have read while the sealed part is the same.

use std::fs;

use crate::error::Result;
use crate::format::CHUNK;
use crate::format::names::chunk_name;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};

#[test]
fn what_was_read_of_the_sealed_part_is_not_read_again() -> Result<()> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("store");
    let chunk = i64::try_from(CHUNK).expect("small");
    let rows = |from: i64, to: i64| {
        (from..to).map(|n| Observation::new(n, (n % 1_000) as f64)).collect::<Vec<_>>()
    };
    let options = Options::new().sync(SyncPolicy::Never);
    let store = options.create(&path)?;
    store.append_batch(&rows(0, 4 * chunk))?;
    store.seal()?;
    // The first half: a node that neither the manifest nor the last chunk holds.
    let half = 0..2 * chunk;
    let earlier = options.snapshot(&path)?;
    let expected = earlier.window(half.clone()).summary()?;
    assert_eq!(expected.count(), 2 * CHUNK);

    fs::remove_file(path.join(chunk_name(1))).expect("it is there");
    let again = options.snapshot_again(&path, &earlier)?;
    assert_eq!(again.window(half.clone()).summary()?, expected);
    assert!(options.snapshot(&path)?.window(half.clone()).summary().is_err());
    // What no snapshot has read is still read.
    assert!(again.window(0..chunk + 5).summary().is_err());

    // The manifest states something else, so nothing is shared.
    store.append_batch(&rows(4 * chunk, 5 * chunk))?;
    store.seal()?;
    let again = options.snapshot_again(&path, &again)?;
    assert!(again.window(half).summary().is_err());
    assert_eq!(again.len(), 5 * CHUNK);
    Ok(())
}
