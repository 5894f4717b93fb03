//! Checking everything that a chunk states.

use super::parts;
use super::reader::{Chunk, Page, Wanted};
use super::writer::encode_sketch;
use crate::error::{Damage, Result};
use crate::format::summary::has_same_bits;
use crate::format::{CHUNK_LEAVES, LEAF};

impl Chunk {
    /// Reads everything, computes every statistic again and calls `each` for each
    /// mismatch. A leaf that has lost rows keeps the summary that it was sealed with,
    /// which cannot be computed again.
    pub(crate) fn verify(&self, each: &mut dyn FnMut(Damage)) -> Result<()> {
        self.verify_headers(each)?;
        let (mut page, mut values) = (Page::default(), Some(Vec::new()));
        for leaf in 0..CHUNK_LEAVES {
            let readable = self.verify_leaf(leaf, &mut page, each)?;
            values = values.filter(|_| readable);
            if let Some(values) = &mut values {
                values.extend_from_slice(&page.values);
            }
        }
        // A leaf that is damaged is reported already. A chunk with lost rows need not match: a
        // repair may have had to do without the summary of a leaf.
        if let Err(error) = self.merge() {
            each(Damage { lost: 0..0, ..error.damage().ok_or(error)? });
        }
        self.verify_sketch(values.as_deref(), each)
    }

    fn verify_headers(&self, each: &mut dyn FnMut(Damage)) -> Result<()> {
        let length = self.header.header_bytes as usize;
        for offset in [0, self.header.second_offset()] {
            let copy = parts::header_at(&self.bytes, offset, length).and_then(|copy| {
                self.same(copy == self.header, offset, "the two copies of the header differ")
            });
            report(copy, each)?;
        }
        let (stated, length) = (u64::from(self.header.file_bytes), self.bytes.file().len()?);
        report(self.same(length <= stated, stated, "other bytes follow the end of the chunk"), each)
    }

    /// Returns whether the leaf's rows, now in `page`, can be read.
    fn verify_leaf(
        &self,
        leaf: u64,
        page: &mut Page,
        each: &mut dyn FnMut(Damage),
    ) -> Result<bool> {
        let readable = match self.read_page(leaf, Wanted::ROWS, page) {
            Ok(()) => true,
            Err(error) => {
                each(error.damage().ok_or(error)?);
                false
            }
        };
        let summary = self.stored_leaf(leaf).and_then(|stored| {
            let comparable = readable && self.header.leaf_rows(leaf) == LEAF;
            let matches = !comparable || has_same_bits(&stored, &page.summary());
            let offset = self.header.leaf_offset(leaf);
            self.same(matches, offset, "a leaf's summary is not that of its rows")
        });
        report(summary, each)?;
        Ok(readable)
    }

    /// `values` are all values of the chunk, if all can be read.
    fn verify_sketch(&self, values: Option<&[f64]>, each: &mut dyn FnMut(Damage)) -> Result<()> {
        let sketch = self.sketch_bytes().and_then(|stored| {
            let codec = self.header.values.codec;
            let matches = values.is_none_or(|values| encode_sketch(values, codec) == stored);
            self.same(matches, self.header.sketch.offset, "the sketch is not that of the values")
        });
        report(sketch, each)
    }

    fn same(&self, matches: bool, offset: u64, otherwise: &str) -> Result<()> {
        if matches { Ok(()) } else { Err(self.damaged(offset, otherwise)) }
    }
}

/// Calls `each` with damage that loses no observation.
fn report(outcome: Result<()>, each: &mut dyn FnMut(Damage)) -> Result<()> {
    let Err(error) = outcome else { return Ok(()) };
    each(error.damage().ok_or(error)?);
    Ok(())
}
