//! The listed log of a store and its end, found frame by frame in its bytes without the
//! engine's shortcuts.

use super::simulated_disk::Files;
use crate::format::frame::{Header, Kind, Seed, next_place};
use crate::format::names::{MANIFEST, log_name};
use crate::format::record::{RECORD_BYTES, Record};

pub(super) struct ListedLog {
    pub(super) name: String,
    pub(super) record: Record,
    pub(super) frames: Vec<Placed>,
    pub(super) end_sequence: u64,
    /// From the end to the last byte that is not zero.
    pub(super) dropped_bytes: u64,
    /// The furthest watermark, and the sequence number there; `None` if nothing was
    /// appended to the log since it was made.
    pub(super) watermark: Option<(u64, u64)>,
}

/// A frame of the log, not a mark.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) first_sequence: u64,
    pub(super) count: u64,
}

impl ListedLog {
    pub(super) fn of(files: &Files) -> Option<Self> {
        let manifest = files.get(MANIFEST)?.bytes_to(RECORD_BYTES);
        let record = Record::decode(&manifest).expect("a whole manifest");
        if record.log == 0 {
            return None;
        }
        let name = log_name(record.log);
        let content = files.get(&*name).expect("the listed log is there");
        let bytes = content.bytes_to(content.length());
        let seed = Seed::of_log(record.log);
        let mut at = next_place(RECORD_BYTES as u64);
        let mut sequence = record.log_first_sequence();
        let (mut frames, mut stated, mut stop) = (Vec::new(), None, None);
        let mut places = vec![(at, sequence)];
        while let Some(header) = frame_at(seed, &bytes, at, sequence - record.log_first_sequence())
        {
            let is_appended = at >= record.made_bytes;
            let is_void_at_once = header.kind == Kind::Void && stated.is_none();
            if is_appended && !is_void_at_once {
                stated = stated.max(Some(u64::from(header.synced_to).max(record.made_bytes)));
            }
            if matches!(header.kind, Kind::Mark | Kind::Void) {
                stop = Some(header.kind);
                break;
            }
            let (end, count) = (at + header.frame_bytes(), header.observations());
            frames.push(Placed { start: at, end, first_sequence: sequence, count });
            (at, sequence) = (next_place(end), sequence + count);
            places.push((at, sequence));
        }
        let after_end = at + stop.map_or(0, |_| 16);
        let watermark = stated.map(|to| {
            let at_most = |(place, _): &&(u64, u64)| *place <= next_place(to);
            *places.iter().rfind(at_most).expect("the log's beginning")
        });
        let dropped_bytes = (content.zeros_from() as u64).saturating_sub(after_end);
        Some(Self { name, record, frames, end_sequence: sequence, dropped_bytes, watermark })
    }
}

/// The next frame, if it is at `at`.
fn frame_at(seed: Seed, bytes: &[u8], at: u64, sequence: u64) -> Option<Header> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let header = Header::parse(rest)?;
    let frame = rest.get(..usize::try_from(header.frame_bytes()).ok()?)?;
    (u64::from(header.sequence) == sequence && seed.is_valid(at, frame)).then_some(header)
}
