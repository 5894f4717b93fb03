//! Finding where an active segment ends, and what lies behind its end.
//!
//! The rules, with the numbers of FORMAT.md's "rules of the tail":
//!
//! * A frame is valid by itself; the end is the first place that is not (2).
//! * Valid frames behind an invalid place mean nothing, because a disk writes
//!   pages in any order, unless one of them, or a block header, swears that the
//!   place was synced before, or derived files have counted all that is missing
//!   there: then the place has rotted since (2).
//! * What follows the end may be written over only if every byte of it is zero, and
//!   the header holds by which a reader tells frames there from others (4).

use crate::damage::Damage;
use crate::error::Result;
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_HEADER_BYTES, OBSERVATION_BYTES, Position, decode_block_header,
};
use crate::segment::map::Bytes;
use crate::segment::walk::{Frame, Owner, Step, Walk};

/// The most that is left unsynced by any policy, and so the most that a reader
/// without a checkpoint's help looks through.
pub(crate) const UNSYNCED_BYTES_MAX: u64 = 8 << 20;

/// Zeros behind the end beyond this length are not looked through: the segment
/// is ended there instead.
const ZEROS_BYTES_MAX: u64 = 2 * UNSYNCED_BYTES_MAX;

/// No segment is longer: the most that may be asked for, and the rest of a leaf.
pub(crate) const FILE_BYTES_MAX: u64 = (1 << 30) + (1 << 26);

/// Places of damage told one by one; the last of them then stands for the rest.
const DAMAGE_MOST: usize = 1000;

/// A segment's end, and how it looks there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tail {
    /// Where the look began.
    pub(crate) start: Start,
    pub(crate) end: Position,
    /// What the frames of the block at `end` count from.
    pub(crate) block_first: u64,
    /// Up to where the segment is known to be synced: from the checkpoint and
    /// from oaths. What lies between here and `end` is in doubt.
    pub(crate) durable: u64,
    /// A frame was appended to the file after it had its name, durably.
    pub(crate) appended_to: bool,
    /// Places before `end` that have rotted.
    pub(crate) damage: Vec<Damage>,
    /// The file's length; less than `end` only if it was cut short.
    pub(crate) file_bytes: u64,
    /// Bytes behind `end` up to the last that is not zero.
    pub(crate) dropped_bytes: u64,
    /// Observations up to `end` were synced and are gone, and nobody knows how many
    /// bytes they took.
    pub(crate) lost_before_end: bool,
    /// The device did not give what is needed to tell whether it ends there.
    pub(crate) refused: bool,
    /// The header of the block at `end` holds. The first block's is the segment's,
    /// and counted as one that does.
    pub(crate) in_sound_block: bool,
}

impl Tail {
    /// Whether the next frame may be written at `end` (rule 4).
    pub(crate) fn may_be_continued(&self) -> bool {
        !self.refused
            && !self.lost_before_end
            && self.dropped_bytes == 0
            && self.file_bytes >= self.end.offset
            && self.in_sound_block
    }

    /// Ends before observation `sequence`, though the frames do not reach to it.
    fn end_before(&mut self, sequence: u64, first_sequence: u64) {
        self.lost_before_end = true;
        // In fewer bytes a segment cannot hold so many.
        let least = (sequence - first_sequence) * OBSERVATION_BYTES as u64;
        self.end = Position { offset: self.end.offset.max(least), sequence };
        self.block_first = sequence;
        self.durable = self.end.offset;
    }
}

/// Where to begin looking: a place between frames, known to be synced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Start {
    pub(crate) durable: Position,
    pub(crate) block_first: u64,
}

/// Looks from `start` to the end of the file, which has just been opened. By the word
/// of derived files, which is as good as an oath, the observations before number
/// `counted` had been synced when it was.
pub(crate) fn find_tail(bytes: Bytes, owner: Owner, start: Start, counted: u64) -> Result<Tail> {
    let file_bytes = bytes.opened_with().min(FILE_BYTES_MAX);
    let path = bytes.path().to_owned();
    let mut walk = Walk::new(bytes, owner, start.durable, start.block_first, file_bytes);
    let mut durable = start.durable.offset;
    let mut appended_to = false;
    let mut swear = |frame: &Frame| {
        // Frames that swear nothing came with the file, which was made whole.
        let end = frame.start.offset + frame.bytes();
        let is_synced = frame.oath == 0 || frame.start.sequence + frame.count <= counted;
        durable = durable.max(if is_synced { end } else { frame.oath });
        appended_to |= frame.oath > 0;
    };
    let mut damage = Vec::new();
    // The furthest oath seen so far, by looking ahead.
    let mut sworn = 0;
    let mut refused = false;
    let mut only_zeros = false;
    let (end, block_first) = loop {
        let here = (walk.at(), walk.block_first());
        match walk.step()? {
            Step::Frame(frame) => swear(&frame),
            Step::BadBlock { offset } => {
                let at = walk.at().sequence;
                let detail = "the block's header does not match its checksum".into();
                report(&mut damage, Damage { path: path.clone(), offset, lost: at..at, detail });
            }
            Step::End => break here,
            Step::BadFrame => {
                let bad = walk.at();
                let detail = walk.bad_frame().into();
                let refusals = walk.refusals() - u64::from(walk.is_refused());
                // As a rule what was written ahead: nothing in it can swear.
                if walk.only_zeros_from(here.0.offset, ZEROS_BYTES_MAX)? {
                    only_zeros = true;
                    break here;
                }
                if !sworn_past(&mut walk, bad.offset, &mut sworn, counted)? {
                    // Acknowledged frames, or an oath, may be what was not given.
                    refused = walk.refusals() > refusals;
                    break here;
                }
                let behind = (walk.at(), walk.block_first());
                // A writer may have written, synced and sworn since the place was
                // read; whoever has seen the oath sees the place as it is sworn.
                walk.go_back(here.0, here.1);
                if let Step::Frame(frame) = walk.step()? {
                    swear(&frame);
                    continue;
                }
                walk.go_back(behind.0, behind.1);
                let lost = bad.sequence..behind.0.sequence;
                report(
                    &mut damage,
                    Damage { path: path.clone(), offset: bad.offset, lost, detail },
                );
            }
        }
    };
    let mut tail = Tail {
        start,
        end,
        block_first,
        durable,
        appended_to,
        damage,
        file_bytes,
        dropped_bytes: 0,
        lost_before_end: false,
        refused,
        in_sound_block: is_block_sound(walk.bytes(), owner, end.offset, block_first)?,
    };
    if refused {
        let detail = "the device does not give these bytes, or others behind them (input/output \
                      error), so nobody knows what was appended here; nothing is appended \
                      before it gives them";
        let lost = end.sequence..u64::MAX;
        report(&mut tail.damage, Damage { path, offset: end.offset, lost, detail: detail.into() });
        return Ok(tail);
    }
    if !only_zeros {
        tail.dropped_bytes = last_nonzero(walk.bytes(), end.offset, file_bytes)?;
    }
    if end.sequence < counted {
        let lost = end.sequence..counted;
        let detail = "what follows was synced and is gone: the summary tree, or the guide to \
                      the quantiles, has counted it";
        report(&mut tail.damage, Damage { path, offset: end.offset, lost, detail: detail.into() });
        tail.end_before(counted, owner.first_sequence);
    }
    Ok(tail)
}

/// Whether the block at `end`, if frames are in it, says that they count from
/// `block_first`: a reader that finds the one before them rotten has only its word.
fn is_block_sound(bytes: &Bytes, owner: Owner, end: u64, block_first: u64) -> Result<bool> {
    let block = end - end % BLOCK_BYTES;
    if block == 0 || block == end {
        return Ok(true);
    }
    let mut header = [0; BLOCK_HEADER_BYTES];
    let read = bytes.read_by_position(block, &mut header)?;
    let decoded = decode_block_header(owner.identity, block, &header[..read]);
    Ok(decoded.is_some_and(|header| header.first_sequence == block_first))
}

fn report(all: &mut Vec<Damage>, damage: Damage) {
    if all.len() < DAMAGE_MOST {
        all.push(damage);
    } else if let Some(last) = all.last_mut() {
        last.lost.end = last.lost.end.max(damage.lost.end);
        last.detail = "here, and in places behind it, bytes do not match their checksums".into();
    }
}

/// Moves `walk` to the first valid place behind a bad one, if a frame or block
/// header there or later swears that the bad place was once synced, or all that is
/// missing before it is among those `counted`. `sworn` is the furthest oath met, so
/// that no stretch is looked through twice.
fn sworn_past(walk: &mut Walk, bad: u64, sworn: &mut u64, counted: u64) -> Result<bool> {
    let missing = walk.at().sequence;
    let Some(oath) = walk.resume()? else { return Ok(false) };
    let first = (walk.at(), walk.block_first());
    *sworn = oath.max(*sworn);
    if missing < counted && first.0.sequence <= counted {
        return Ok(true);
    }
    while *sworn <= bad {
        let oath = match walk.step()? {
            Step::Frame(frame) => frame.oath,
            Step::BadBlock { .. } => 0,
            Step::End => return Ok(false),
            Step::BadFrame => match walk.resume()? {
                Some(oath) => oath,
                None => return Ok(false),
            },
        };
        *sworn = oath.max(*sworn);
    }
    walk.go_back(first.0, first.1);
    Ok(true)
}

/// How many bytes from `from` on reach to the last one that is not zero.
pub(crate) fn last_nonzero(bytes: &Bytes, from: u64, file_bytes: u64) -> Result<u64> {
    if file_bytes.saturating_sub(from) > ZEROS_BYTES_MAX {
        return Ok(file_bytes - from);
    }
    let mut last = 0;
    let left = usize::try_from(file_bytes.saturating_sub(from)).unwrap_or(usize::MAX);
    let mut buffer = vec![0; left.clamp(1, 64 * 1024)];
    for at in (from..file_bytes).step_by(buffer.len()) {
        let read = bytes.read_by_position(at, &mut buffer)?;
        if let Some(index) = last_nonzero_index(&buffer[..read]) {
            last = at - from + index as u64 + 1;
        }
    }
    Ok(last)
}

/// By the kilobyte: every append looks through what is written ahead, and byte
/// by byte that takes ten times as long.
pub(crate) fn last_nonzero_index(bytes: &[u8]) -> Option<usize> {
    const ZEROS: [u8; 1024] = [0; 1024];
    let is_zero = |chunk: &&[u8]| *chunk == &ZEROS[..chunk.len()];
    let zeros: usize = bytes.rchunks(ZEROS.len()).take_while(is_zero).map(<[u8]>::len).sum();
    bytes[..bytes.len() - zeros].iter().rposition(|byte| *byte != 0)
}

#[cfg(test)]
mod tests;
