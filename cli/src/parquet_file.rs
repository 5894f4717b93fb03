//! Observations as a Parquet file, which DuckDB, Spark and ClickHouse read.
//!
//! | column | type | is |
//! |---|---|---|
//! | `seq` | INT64 | the sequence number |
//! | `time` | TIMESTAMP(MICROS, UTC) | the time without the last three digits |
//! | `nanos` | INT32 | those digits, 0 to 999: Spark refuses TIMESTAMP(NANOS) |
//! | `value` | DOUBLE | the value, to the bit |
//! | `series` | STRING | the same in all rows |

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Arc;

use gaugelog::Observation;
use parquet::basic::{Compression, Encoding, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

const SCHEMA: &str = "message observations {
    required int64 seq;
    required int64 time (TIMESTAMP(MICROS, true));
    required int32 nanos;
    required double value;
    required binary series (STRING);
}";

/// A row group is gathered before it is written, and takes 7 MiB.
const GROUP_ROWS: usize = 256 * 1024;
/// Of this many rows with different values, one value in a dictionary is smaller than all
/// of them in bytes of their own.
const ROWS_A_VALUE: usize = 4;
/// The dictionary's bytes for a value.
const VALUE_BYTES: usize = 8;
/// How many rows name their series in one call.
const SERIES_ROWS: usize = 1024;

/// Writes a file with these observations, and `about` it. The same observations make the
/// same bytes.
///
/// # Errors
/// The first of the observations' errors, or that of the output.
pub(crate) fn write<W: Write + Send, E: From<io::Error>>(
    out: W,
    series: &str,
    about: Vec<KeyValue>,
    observations: impl IntoIterator<Item = std::result::Result<(u64, Observation), E>>,
) -> std::result::Result<(), E> {
    let mut observations = observations.into_iter();
    let in_io = |error: ParquetError| E::from(io_error(error));
    let mut group = Group::default();
    group.fill(&mut observations)?;
    let properties = properties(&group, about).map_err(in_io)?;
    let schema = Arc::new(parse_message_type(SCHEMA).map_err(in_io)?);
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(in_io)?;
    while !group.sequences.is_empty() {
        let next = writer.next_row_group().map_err(in_io)?;
        group.write(next, series).map_err(in_io)?;
        group.fill(&mut observations)?;
    }
    writer.close().map_err(in_io)?;
    Ok(())
}

/// Each column by what makes it smallest. Whether values have a dictionary is as the first
/// group needs it; a later group whose dictionary grows too large goes on without.
fn properties(first: &Group, about: Vec<KeyValue>) -> Result<WriterProperties> {
    let column = |name: &str| ColumnPath::from(name);
    let has_dictionary = first.has_few_values();
    let dictionary_bytes = GROUP_ROWS / ROWS_A_VALUE * VALUE_BYTES;
    Ok(WriterProperties::builder()
        .set_compression(Compression::GZIP(GzipLevel::try_new(6)?))
        .set_key_value_metadata(Some(about))
        // Those of pages would be held in memory until the end.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_dictionary_enabled(false)
        .set_column_encoding(column("seq"), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding(column("time"), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding(column("nanos"), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding(column("value"), Encoding::BYTE_STREAM_SPLIT)
        .set_column_dictionary_enabled(column("value"), has_dictionary)
        .set_column_dictionary_page_size_limit(column("value"), dictionary_bytes)
        .set_column_dictionary_enabled(column("series"), true)
        .build())
}

/// The columns of a row group.
#[derive(Default)]
struct Group {
    sequences: Vec<i64>,
    times_us: Vec<i64>,
    nanos: Vec<i32>,
    values: Vec<f64>,
}

impl Group {
    /// Takes the next observations in place of those before.
    fn fill<E: From<io::Error>>(
        &mut self,
        observations: &mut impl Iterator<Item = std::result::Result<(u64, Observation), E>>,
    ) -> std::result::Result<(), E> {
        self.sequences.clear();
        self.times_us.clear();
        self.nanos.clear();
        self.values.clear();
        for found in observations.take(GROUP_ROWS) {
            let (sequence, Observation { timestamp_ns, value }) = found?;
            self.sequences.push(i64::try_from(sequence).map_err(io::Error::other)?);
            self.times_us.push(timestamp_ns.div_euclid(1_000));
            let nanos = timestamp_ns.rem_euclid(1_000);
            self.nanos.push(i32::try_from(nanos).map_err(io::Error::other)?);
            self.values.push(value);
        }
        Ok(())
    }

    /// Whether values come again often enough for a dictionary.
    fn has_few_values(&self) -> bool {
        let most = self.values.len() / ROWS_A_VALUE;
        let mut different = HashSet::new();
        self.values.iter().all(|value| {
            different.insert(value.to_bits());
            different.len() <= most
        })
    }

    fn write<W: Write + Send>(
        &self,
        mut group: SerializedRowGroupWriter<'_, W>,
        series: &str,
    ) -> Result<()> {
        write_column::<Int64Type, W>(&mut group, [&*self.sequences])?;
        write_column::<Int64Type, W>(&mut group, [&*self.times_us])?;
        write_column::<Int32Type, W>(&mut group, [&*self.nanos])?;
        write_column::<DoubleType, W>(&mut group, [&*self.values])?;
        let names = vec![ByteArray::from(series); SERIES_ROWS.min(self.sequences.len())];
        let parts = self.sequences.chunks(SERIES_ROWS).map(|part| &names[..part.len()]);
        write_column::<ByteArrayType, W>(&mut group, parts)?;
        group.close()?;
        Ok(())
    }
}

/// Writes the next column of a group.
fn write_column<'v, T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    parts: impl IntoIterator<Item = &'v [T::T]>,
) -> Result<()> {
    let column = group.next_column()?;
    let mut column =
        column.ok_or_else(|| ParquetError::General("the schema has no more columns".to_owned()))?;
    for part in parts {
        column.typed::<T>().write_batch(part, None, None)?;
    }
    column.close()
}

/// The output's own error, if it is one.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(cause) => io::Error::other(cause),
        },
        error => io::Error::other(error),
    }
}
