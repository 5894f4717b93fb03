//! Columns of numbers as bytes, and back.
//!
//! Times in steps are stored as such; otherwise the smallest encoding that gives back every
//! bit is taken. Bytes to decode may be hostile. pco checks what its own safety needs. Two of
//! its modes, dictionary and lookback, are refused: they are never written here, and would
//! take up to 256 MiB because the bytes say so.

use pco::data_types::Number;
use pco::metadata::{ChunkMeta, DeltaEncoding};
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, DeltaSpec, PagingSpec};

use super::decimals;
use super::steps::Steps;
use crate::format::chunk::{Codec, Column, META_BYTES_MAX, PCO_VERSION};

/// Level 6 is a tenth faster, but takes five times the bytes where 100 floats repeat.
const LEVEL: usize = 8;
/// If decimals take fewer bytes a number than this, floats are not tried: that took twice
/// the time and never saved space.
const ENOUGH_BYTES: usize = 2;
/// In the first four bits of a meta: a dictionary follows.
const DICTIONARY: u8 = 4;
/// pco writes decoding tables of at most 2^12 states, and would read 2^14.
const TABLE_BITS_MAX: u32 = 12;

/// An encoded column of a chunk.
pub(super) struct Encoded {
    pub(super) codec: Codec,
    pub(super) meta: Vec<u8>,
    /// One page for each leaf; empty for a leaf without rows.
    pub(super) pages: Vec<Vec<u8>>,
}

impl Encoded {
    fn bytes(&self) -> usize {
        self.meta.len() + self.pages.iter().map(Vec::len).sum::<usize>()
    }

    /// Whether a chunk's header can state the lengths.
    fn is_within_limits(&self) -> bool {
        let page_fits = |page: &Vec<u8>| u16::try_from(page.len()).is_ok();
        self.meta.len() <= META_BYTES_MAX && self.pages.iter().all(page_fits)
    }
}

/// `rows` are the numbers of rows of the leaves; they add up to the number of `times`.
pub(super) fn encode_times(times: &[i64], rows: &[usize]) -> Encoded {
    let in_steps = Steps::of(times).map(|steps| {
        let pages = vec![Vec::new(); rows.len()];
        Encoded { codec: Codec::Steps, meta: steps.encode(), pages }
    });
    in_steps
        .or_else(|| compress(times, rows))
        .filter(|encoded| restores(encoded, Column::Times, times, rows, Decoder::times))
        .unwrap_or_else(|| plain(times, rows))
}

/// `rows` are the numbers of rows of the leaves; they add up to the number of `values`.
pub(super) fn encode_values(values: &[f64], rows: &[usize]) -> Encoded {
    let integers = decimals::of_values(values).and_then(|(decimals, integers)| {
        let codec = Codec::Decimals { decimals, version: PCO_VERSION };
        compress(&integers, rows).map(|encoded| Encoded { codec, ..encoded })
    });
    let enough = |encoded: &Encoded| encoded.bytes() < ENOUGH_BYTES * values.len();
    let is_small = integers.as_ref().is_some_and(enough);
    let floats = if is_small { None } else { compress(values, rows) };
    let mut candidates: Vec<Encoded> = integers.into_iter().chain(floats).collect();
    candidates.sort_by_key(Encoded::bytes);
    candidates
        .into_iter()
        .find(|encoded| restores(encoded, Column::Values, values, rows, Decoder::values))
        .unwrap_or_else(|| plain(values, rows))
}

/// Encodes with pco; `None` if that fails or saves nothing.
fn compress<T: Plain>(numbers: &[T], rows: &[usize]) -> Option<Encoded> {
    let encoded = compress_with(numbers, rows, DeltaSpec::Auto).or_else(|| {
        let others = [DeltaSpec::NoOp, DeltaSpec::TryConsecutive(1)];
        let others = others.into_iter().filter_map(|delta| compress_with(numbers, rows, delta));
        others.min_by_key(Encoded::bytes)
    });
    encoded.filter(|encoded| encoded.bytes() < 8 * numbers.len())
}

fn compress_with<T: Plain>(numbers: &[T], rows: &[usize], delta: DeltaSpec) -> Option<Encoded> {
    let counts = rows.iter().copied().filter(|rows| *rows > 0).collect();
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_delta_spec(delta)
        .with_paging_spec(PagingSpec::Exact(counts));
    let mut compressor = FileCompressor::default().chunk_compressor(numbers, &config).ok()?;
    if !is_bounded(compressor.meta()) {
        return None;
    }
    let (mut meta, mut pages) = (Vec::new(), vec![Vec::new(); rows.len()]);
    compressor.write_meta(&mut meta).ok()?;
    let with_rows = pages.iter_mut().zip(rows).filter(|(_, rows)| **rows > 0);
    for (number, (page, _)) in with_rows.enumerate() {
        compressor.write_page(number, page).ok()?;
    }
    let encoded = Encoded { codec: Codec::Pco { version: PCO_VERSION }, meta, pages };
    encoded.is_within_limits().then_some(encoded)
}

/// Encodes as 8 bytes a number.
fn plain<T: Plain>(numbers: &[T], rows: &[usize]) -> Encoded {
    let mut numbers = numbers.iter();
    let page_of = |rows: &usize| {
        numbers.by_ref().take(*rows).flat_map(|number| number.bits().to_le_bytes()).collect()
    };
    let pages = rows.iter().map(page_of).collect();
    Encoded { codec: Codec::Plain, meta: Vec::new(), pages }
}

/// Whether decoding gives back all bits.
fn restores<T: Plain>(
    encoded: &Encoded,
    column: Column,
    numbers: &[T],
    rows: &[usize],
    decode: impl Fn(&Decoder, u64, &[u8], &mut [T], &mut Scratch) -> Option<()>,
) -> bool {
    let Some(decoder) = Decoder::new(column, encoded.codec, &encoded.meta) else { return false };
    let mut scratch = Scratch::default();
    let mut numbers = numbers;
    encoded.pages.iter().zip(rows).zip(0..).all(|((page, rows), leaf)| {
        let mut decoded = vec![T::default(); *rows];
        let expected = numbers.split_off(..*rows).expect("the rows add up");
        decode(&decoder, leaf, page, &mut decoded, &mut scratch).is_some()
            && decoded.iter().zip(expected).all(|(a, b)| a.bits() == b.bits())
    })
}

/// Memory that decoding reuses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pco: DecompressorScratch,
    integers: Vec<i64>,
}

/// Decodes pages of a column.
#[derive(Debug)]
pub(super) enum Decoder {
    Plain,
    Times(Box<ChunkDecompressor<i64>>),
    Steps(Steps),
    Floats(ChunkDecompressor<f64>),
    Decimals(u8, ChunkDecompressor<i64>),
}

impl Decoder {
    /// `None` unless `meta` is one as this module writes it for the column.
    pub(super) fn new(column: Column, codec: Codec, meta: &[u8]) -> Option<Self> {
        Some(match (column, codec) {
            (_, Codec::Plain) => Self::Plain,
            (Column::Times, Codec::Pco { version }) => {
                Self::Times(Box::new(decompressor(version, meta)?))
            }
            (Column::Times, Codec::Steps) => Self::Steps(Steps::decode(meta)?),
            (Column::Values, Codec::Pco { version }) => Self::Floats(decompressor(version, meta)?),
            (Column::Values, Codec::Decimals { decimals, version }) => {
                Self::Decimals(decimals, decompressor(version, meta)?)
            }
            (Column::Times, Codec::Decimals { .. }) | (Column::Values, Codec::Steps) => {
                return None;
            }
        })
    }

    /// Fills `into` with the times that the page of a leaf holds; `None` if it holds
    /// something else.
    pub(super) fn times(
        &self,
        leaf: u64,
        page: &[u8],
        into: &mut [i64],
        scratch: &mut Scratch,
    ) -> Option<()> {
        match self {
            Self::Plain => decode_plain(page, into),
            Self::Times(pco) => decompress(pco, page, into, &mut scratch.pco),
            Self::Steps(steps) => steps.fill(leaf, page, into),
            Self::Floats(_) | Self::Decimals(..) => None,
        }
    }

    /// Fills `into` with the values that a page holds; `None` if it holds something else, or
    /// a value that is not finite.
    pub(super) fn values(
        &self,
        _leaf: u64,
        page: &[u8],
        into: &mut [f64],
        scratch: &mut Scratch,
    ) -> Option<()> {
        match self {
            Self::Plain => decode_plain(page, into)?,
            Self::Floats(pco) => decompress(pco, page, into, &mut scratch.pco)?,
            Self::Decimals(decimals, pco) => {
                scratch.integers.resize(into.len(), 0);
                decompress(pco, page, &mut scratch.integers, &mut scratch.pco)?;
                decimals::to_values(&scratch.integers, *decimals, into);
            }
            Self::Times(_) | Self::Steps(_) => return None,
        }
        // Without an early end, which would keep several values from being looked at at once.
        let are_finite = into.iter().fold(true, |finite, value| finite & value.is_finite());
        are_finite.then_some(())
    }
}

fn decompressor<T: Plain>(version: [u8; 2], meta: &[u8]) -> Option<ChunkDecompressor<T>> {
    let is_known = version <= PCO_VERSION && version[0] == PCO_VERSION[0];
    if !is_known || meta.first()? % 16 == DICTIONARY {
        return None;
    }
    let (file, _) = FileDecompressor::new(&version[..]).ok()?;
    let (decompressor, rest) = file.chunk_decompressor(meta).ok()?;
    (rest.is_empty() && is_bounded(decompressor.meta())).then_some(decompressor)
}

/// Whether decoding takes as little memory as the number of rows suggests.
fn is_bounded(meta: &ChunkMeta) -> bool {
    let variables = &meta.per_latent_var;
    let variables = [Some(&variables.primary), variables.secondary.as_ref()];
    !matches!(meta.delta_encoding, DeltaEncoding::Lookback { .. })
        && variables.into_iter().flatten().all(|it| it.ans_size_log <= TABLE_BITS_MAX)
}

fn decompress<T: Number>(
    decompressor: &ChunkDecompressor<T>,
    page: &[u8],
    into: &mut [T],
    scratch: &mut DecompressorScratch,
) -> Option<()> {
    if into.is_empty() {
        return page.is_empty().then_some(());
    }
    let mut page = decompressor.page_decompressor_with_scratch(page, into.len(), scratch).ok()?;
    let progress = page.read(into).ok()?;
    (progress.finished && page.into_src().is_empty()).then_some(())
}

fn decode_plain<T: Plain>(page: &[u8], into: &mut [T]) -> Option<()> {
    let (numbers, rest) = page.as_chunks();
    if !rest.is_empty() || numbers.len() != into.len() {
        return None;
    }
    for (bytes, number) in numbers.iter().zip(into) {
        *number = T::of_bits(u64::from_le_bytes(*bytes));
    }
    Some(())
}

/// A number of 64 bits.
trait Plain: Number {
    fn bits(self) -> u64;
    fn of_bits(bits: u64) -> Self;
}

impl Plain for i64 {
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }

    fn of_bits(bits: u64) -> Self {
        bits.cast_signed()
    }
}

impl Plain for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }

    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }
}
