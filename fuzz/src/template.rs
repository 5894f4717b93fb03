//! Small stores, made by real appends. Each is made once and kept, so that the fuzzer's
//! time is spent on damaging and opening it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use gaugelog::{Observation, Options, Store, SyncPolicy, fuzzing};

use crate::layout::records;
use crate::scratch::{Files, Place};

/// Further steps of a recipe are ignored.
pub(crate) const STEPS_MAX: usize = 5;
const KEPT_BYTES_MAX: usize = 96 << 20;

/// The store that is damaged.
pub(crate) const OURS: u64 = 0;
/// Another one.
pub(crate) const FOREIGN: u64 = 1;
/// A copy of ours that diverged with the last step.
pub(crate) const DIVERGED: u64 = 2;

/// Which store, and the steps.
type Recipe = (u64, Vec<u8>);

/// A store's files.
pub(crate) struct Made {
    pub(crate) files: Files,
}

thread_local! {
    static MADE: RefCell<BTreeMap<Recipe, Rc<Made>>> = RefCell::default();
    static KEPT_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Observation `n` of store `id`. It differs for each `n` and `id`. Times are not always
/// in order, and some are equal.
pub(crate) fn observation(id: u64, n: usize) -> Observation {
    let number = i64::try_from(n).expect("few observations");
    let late = match n % 7 {
        3 => 35,
        5 => 10,
        _ => 0,
    };
    // Odd, so that 2^20 products are all different.
    let fraction = (n * 0x9E37_79B1 % (1 << 20)) as f64 / f64::from(1 << 21);
    let cluster = [-4096.0, 8192.0, 4096.0][n % 3];
    Observation::new(number * 10 - late, cluster + fraction + id as f64)
}

/// The store `id` after the steps of `recipe`. After only the first steps it is an
/// earlier state of the same store.
pub(crate) fn template(id: u64, recipe: &[u8]) -> Rc<Made> {
    // Only these bits of a step count: it is one of 32.
    let recipe: Vec<u8> = recipe.iter().take(STEPS_MAX).map(|step| step & 31).collect();
    let key = (id, recipe);
    if let Some(made) = MADE.with_borrow(|made| made.get(&key).cloned()) {
        return made;
    }
    let fresh = Rc::new(make(id, &key.1));
    let bytes: usize = fresh.files.values().map(Vec::len).sum();
    MADE.with_borrow_mut(|made| {
        if KEPT_BYTES.get() > KEPT_BYTES_MAX {
            made.clear();
            KEPT_BYTES.set(0);
        }
        KEPT_BYTES.set(KEPT_BYTES.get() + bytes);
        made.insert(key, Rc::clone(&fresh));
    });
    fresh
}

fn make(id: u64, recipe: &[u8]) -> Made {
    let Some((last, before)) = recipe.split_last() else {
        let place = Place::new();
        drop(Store::create(place.path()).expect("created"));
        return Made { files: place.files() };
    };
    let earlier = template(if id == DIVERGED { OURS } else { id }, before);
    // A step draws fewer than 256 identities.
    fuzzing::count_identities_from((id + 1) << 32 | (before.len() as u64) << 8);
    let place = Place::with(&earlier.files);
    take_step(id, &place, *last);
    Made { files: place.files() }
}

/// Does one step with a store.
fn take_step(id: u64, place: &Place, step: u8) {
    let amount = usize::from(step >> 3);
    let options = Options::new().log_bytes_max(16 * 1024);
    let open = |options: &Options| options.open(place.path()).expect("opened");
    let never = options.clone().sync(SyncPolicy::Never);
    let append = |options: &Options, batch: usize, times: usize| {
        let store = open(options);
        for _ in 0..times {
            let end = store.snapshot().expect("a snapshot").end_sequence();
            let first = usize::try_from(end).expect("few");
            let all: Vec<_> = (first..first + batch).map(|n| observation(id, n)).collect();
            // Refused if an earlier step has left damage.
            drop(store.append_batch(&all));
        }
    };
    match step & 7 {
        0 => append(&never, 1, 1 + 2 * amount),
        1 => append(&never, 3 + 20 * amount, 1),
        // With zeros written ahead.
        2 => append(&options, 1, 1 + amount),
        // One or two leaves and a part of one; the second time this completes a chunk.
        3 => append(&options, 1024 + 1029 * (amount % 2) + 3 * (amount / 2), 1),
        4 => append(&never, 500 + 500 * amount, 1),
        // A torn append: the log is replaced.
        5 => {
            tear(place, 1 + 9 * amount);
            append(&options, 1 + amount, 1);
        }
        // Another process's frames are unconfirmed.
        6 => {
            append(&never, 1 + amount, 1);
            append(&options, 1, 1);
        }
        _ => match amount {
            0 => open(&options).sync().expect("synced"),
            1 => {
                lose(place);
                drop(Store::repair(place.path()));
            }
            2 => drop(open(&options).remove_before(i64::MAX)),
            // Losses that no repair has accepted.
            _ => {
                lose(place);
                append(&options, 2100, 1);
            }
        },
    }
}

/// Writes bytes that are not a frame after the end of the log.
fn tear(place: &Place, bytes: usize) {
    let files = place.files();
    let Some((name, log)) = files.iter().find(|(name, _)| name.ends_with(".log")) else {
        return;
    };
    let end = log.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut torn = log.clone();
    torn.truncate(end.next_multiple_of(16).min(log.len()));
    torn.extend(std::iter::repeat_n(0xA5, bytes));
    std::fs::write(place.path().join(name), torn).expect("room for a small file");
}

/// Damages the first frame of the log, and a page of the first chunk.
fn lose(place: &Place) {
    for (name, mut bytes) in place.files() {
        let record = match name.rsplit('.').next() {
            Some("log") => 1,
            Some("chunk") if name.starts_with("0000000000.") => 5,
            _ => continue,
        };
        let Some(record) = records(&name, &bytes).into_iter().nth(record) else { continue };
        bytes[record.bytes.start + 3] ^= 1;
        std::fs::write(place.path().join(name), bytes).expect("room for a small file");
    }
}
