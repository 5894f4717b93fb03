//! Small stores, made by real appends. What was made once is kept, so that the
//! fuzzer's time goes into damaging and opening it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use gaugelog::{Observation, Options, Store, SyncPolicy, fuzzing};

use crate::scratch::{Files, Place};

/// Steps of a recipe beyond this many are left out.
pub(crate) const STEPS_MAX: usize = 5;
const KEPT_BYTES_MAX: usize = 96 << 20;
/// So small that a segment ends with each leaf.
const SEGMENT_BYTES: u64 = 1024;

/// Which store, and the steps.
type Recipe = (u64, Vec<u8>);

/// A store's files, and how many observations were acknowledged in it.
pub(crate) struct Made {
    pub(crate) files: Files,
    observations: usize,
}

thread_local! {
    static MADE: RefCell<BTreeMap<Recipe, Rc<Made>>> = RefCell::default();
    static KEPT_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Observation `n` of store `id`: another one for each of both, not in order of
/// time everywhere, some at the same time.
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

/// The store `id` after the steps of `recipe`; after its first steps alone it is
/// an earlier state of the same store.
pub(crate) fn template(id: u64, recipe: &[u8]) -> Rc<Made> {
    // Of each step, what counts: one of 32.
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
        return Made { files: place.files(), observations: 0 };
    };
    let earlier = template(id, before);
    // A step begins at most five segments.
    fuzzing::count_identities_from((id + 1) << 32 | (before.len() as u64) << 8);
    let place = Place::with(&earlier.files);
    let added = take_step(id, &place, earlier.observations, *last);
    Made { files: place.files(), observations: earlier.observations + added }
}

/// Does one step to a store that holds `count`; how many observations it added.
fn take_step(id: u64, place: &Place, count: usize, step: u8) -> usize {
    let amount = usize::from(step >> 3);
    let options = Options::new().segment_bytes_max(SEGMENT_BYTES);
    let never = options.clone().sync(SyncPolicy::Never);
    let append = |options: &Options, batch: usize, times: usize| {
        let store = options.open(place.path()).expect("opened");
        for n in 0..times {
            let all: Vec<_> = (0..batch).map(|m| observation(id, count + n * batch + m)).collect();
            store.append_batch(&all).expect("appended");
        }
        batch * times
    };
    match step & 7 {
        0 => append(&never, 1, 1 + 2 * amount),
        1 => append(&never, 3 + 20 * amount, 1),
        // With zeros written ahead.
        2 => append(&options, 1, 1 + amount),
        // A leaf or two, and a part of one.
        3 => append(&never, 1024 + 1029 * (amount % 2) + 3 * (amount / 2), 1),
        4 => append(&never.segment_bytes_max(1 << 20), 500 + 500 * amount, 1),
        // A torn append: the segment ends here.
        5 => {
            tear(place, 1 + 9 * amount);
            append(&never, 1 + amount, 1)
        }
        // The frames of others are in doubt.
        6 => {
            drop(std::fs::remove_file(place.path().join("checkpoint")));
            append(&options, 1 + amount, 1)
        }
        _ => {
            options.open(place.path()).expect("opened").sync().expect("synced");
            0
        }
    }
}

/// Leaves what is no frame behind the end of the last segment.
fn tear(place: &Place, bytes: usize) {
    let files = place.files();
    let Some((name, rows)) = files.iter().rev().find(|(name, _)| name.ends_with(".rows")) else {
        return;
    };
    let end = rows.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut torn = rows.clone();
    torn.truncate(end.next_multiple_of(8).min(rows.len()));
    torn.extend(std::iter::repeat_n(0xA5, bytes));
    std::fs::write(place.path().join(name), torn).expect("room for a small file");
}
