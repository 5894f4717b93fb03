//! Whether a receiver drops old samples and takes the message all the same, as
//! VictoriaMetrics does. It counts them on a page of its own.

use std::thread;
use std::time::Duration;

use gaugelog_sources::{Page, Settings, Source};

const COUNT: &str = "/metrics#vm_rows_ignored_total{reason=\"small_timestamp\"}";
/// What it says of itself is worth no longer wait.
const DEADLINE_MOST: Duration = Duration::from_secs(5);
/// VictoriaMetrics 1.79 counts them within a second.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);
const PAGE_BYTES_MAX: u64 = 4 << 20;

/// The page with the count of dropped samples, if the address of a receiver leads to one.
pub(super) fn page(to: &str, settings: &Settings) -> Option<Page> {
    let (scheme, rest) = to.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    let deadline = settings.deadline.min(DEADLINE_MOST);
    let settings = settings.clone().deadline(deadline).page_bytes_max(PAGE_BYTES_MAX);
    Page::open(&format!("{scheme}://{host}{COUNT}"), &settings).ok()
}

/// How many it has dropped so far; none where it does not say.
pub(super) fn count(page: &mut Page) -> Option<f64> {
    page.poll().ok()?.map(|reading| reading.value)
}

/// Whether it drops more within the time that it takes to count them.
pub(super) fn rises(page: &mut Page, before: f64) -> bool {
    (0..LOOKS).any(|_| {
        thread::sleep(PAUSE);
        count(page).is_some_and(|after| after > before)
    })
}
