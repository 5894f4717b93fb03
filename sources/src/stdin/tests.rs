use super::*;

/// Returns one chunk for each read, as a pipe does, and an error where one is scripted.
struct Chunks(Vec<io::Result<&'static [u8]>>);

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let chunk = self.0.remove(0)?;
        buffer[..chunk.len()].copy_from_slice(chunk);
        Ok(chunk.len())
    }
}

/// All results of a stream: values, and errors as text.
fn all(reader: impl Read + Send) -> Vec<Result<f64, String>> {
    let mut lines = Lines::new(reader);
    let mut found = Vec::new();
    loop {
        match lines.poll() {
            Ok(None) => return found,
            Ok(Some(reading)) => found.push(Ok(reading.value)),
            Err(error) => {
                found.push(Err(error.to_string()));
                if !error.can_poll_again() {
                    return found;
                }
            }
        }
    }
}

#[test]
fn numbers_in_every_spelling() {
    let input = "14.2\n-1e-05\r\n\t +3 \n\n   \r\n.5\n-0\n5e-324";
    let expected = [14.2, -1e-5, 3.0, 0.5, -0.0, 5e-324].map(Ok);
    assert_eq!(all(input.as_bytes()), expected);
}

#[test]
fn a_time_may_stand_before_the_number() {
    let text = "1780315200 1\n1780315200.5\t2\n2026-06-01T12:00:00.123456789Z  3\n\
                2026-06-01 14:00:00+02:00 4\n2026-06-01 12:00:00 5\n";
    let mut lines = Lines::new(text.as_bytes());
    let second: i64 = 1_780_315_200_000_000_000;
    for (value, timestamp_ns) in [
        (1.0, second),
        (2.0, second + 500_000_000),
        (3.0, second + 123_456_789),
        (4.0, second),
        (5.0, second),
    ] {
        assert_eq!(lines.poll().unwrap(), Some(Reading::at(timestamp_ns, value)));
    }
}

#[test]
fn a_bad_time_is_survived() {
    let found = all("2026-02-30T00:00:00Z 1\n1780315200000 2\n3 warm\n4\n".as_bytes());
    let said = |text: &str| Err(text.to_owned());
    let expected = [
        said(
            "line 1: \"2026-02-30T00:00:00Z 1\" begins with a text that is no time like \
             2026-06-01T12:00:00Z or seconds since 1970",
        ),
        said(
            "line 2: \"1780315200000 2\" begins with what looks like milliseconds since 1970; \
             use --time-unit ms",
        ),
        said("line 3: \"3 warm\" does not end in a finite number"),
        Ok(4.0),
    ];
    assert_eq!(found, expected);
}

/// Each of these was once stored, through a pipe, as something else than was meant.
#[test]
fn only_what_is_meant_is_stored() {
    let found = all("1780315260 \n1 234.5\n1\u{a0}234.5\n14.2 60\n14.2\n1780315260\n".as_bytes());
    let values: Vec<&f64> = found.iter().filter_map(|found| found.as_ref().ok()).collect();
    // The last is a value because lines have no times, which the fifth line has decided.
    assert_eq!(values, [&14.2, &1_780_315_260.0]);
    assert_eq!(found.len(), 6);
}

#[test]
fn lines_end_in_lf_crlf_or_cr() {
    let numbers = [1.0, 2.0, 3.0, 4.0, 5.0].map(Ok);
    assert_eq!(all("1\r2\r\n3\n4\r\r5\r".as_bytes()), numbers);
    // Even if CR and LF are in different chunks, and lines are counted as people count
    // them.
    let chunks = ["1\r", "\n2", "\r", "3\r", "\n", "x\r", "4\n"];
    let reader = Chunks(chunks.map(|chunk| Ok(chunk.as_bytes())).into());
    let bad = Err("line 4: \"x\" is not a finite number".to_owned());
    assert_eq!(all(reader), [Ok(1.0), Ok(2.0), Ok(3.0), bad, Ok(4.0)]);
    let longer = "0".repeat(LINE_BYTES_MAX + 1);
    let found = all(format!("{longer}\r\n7\r\n{longer}\r8\n").as_bytes());
    assert_eq!((found.len(), &found[1], &found[3]), (4, &Ok(7.0), &Ok(8.0)));
    assert!(found[2].as_ref().unwrap_err().starts_with("line 3: "));
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_beginning_alone() {
    let chunks: [&[u8]; 3] = [b"\xef\xbb", b"\xbf1", b"4\n\xef\xbb\xbf2\n"];
    let found = all(Chunks(chunks.map(Ok).into()));
    assert_eq!(found[0], Ok(14.0));
    assert!(found[1].as_ref().unwrap_err().starts_with("line 2: "), "{found:?}");
    assert_eq!(all(&b"\xef\xbb\xbf"[..]), []);
}

#[test]
fn an_unfinished_last_line_is_stored_unless_lines_are_strict() {
    assert_eq!(all("14.2\n1".as_bytes()), [Ok(14.2), Ok(1.0)]);
    let mut lines = Lines::new("14.2\n1".as_bytes()).strict(true);
    assert_eq!(lines.poll().unwrap(), Some(Reading::new(14.2)));
    let error = lines.poll().unwrap_err();
    assert_eq!(error.to_string(), "line 2: \"1\" has no line end, and may be half of a line");
    assert!(!error.can_poll_again());
    let mut lines = Lines::new("warm\n1\n".as_bytes()).strict(true);
    assert!(!lines.poll().unwrap_err().can_poll_again());
    let mut lines = Lines::new("1\n  ".as_bytes()).strict(true);
    assert!(lines.poll().unwrap().is_some());
    assert_eq!(lines.poll().unwrap(), None);
}

#[test]
fn an_empty_stream_is_the_end() {
    assert_eq!(all("".as_bytes()), []);
    assert_eq!(all("\n\r\n  ".as_bytes()), []);
}

#[test]
fn bad_lines_are_named_and_survived() {
    let found = all("1\nnan\ninf\n1e400\none 2\n\u{1b}[2J\n2\n".as_bytes());
    let bad =
        |line: u32, text: &str| Err(format!("line {line}: \"{text}\" is not a finite number"));
    let two_words = |line: u32, text: &str| {
        Err(format!(
            "line {line}: \"{text}\" has more than one word; lines without a time are read here"
        ))
    };
    let expected = [
        Ok(1.0),
        bad(2, "nan"),
        bad(3, "inf"),
        bad(4, "1e400"),
        two_words(5, "one 2"),
        bad(6, "\\u{1b}[2J"),
        Ok(2.0),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_not_utf8_is_survived() {
    let found = all(&b"1\xff\n2\n"[..]);
    assert_eq!(found, [Err("line 1: \"1\u{fffd}\" is not UTF-8".to_owned()), Ok(2.0)]);
}

#[test]
fn quotes_are_shortened() {
    let found = all("x".repeat(100).as_bytes());
    let quote = format!("{}…", "x".repeat(40));
    assert_eq!(found, [Err(format!("line 1: \"{quote}\" is not a finite number"))]);
}

#[test]
fn the_longest_line_is_read_and_a_longer_one_passed_over() {
    let longest = format!("{}7", "0".repeat(LINE_BYTES_MAX - 1));
    let longer = format!("0{longest}");
    let found = all(format!("{longest}\n{longer}\n8\n{longer}").as_bytes());
    let too_long = |line: u32| {
        Err(format!("line {line}: \"{}…\" is longer than 4096 bytes", "0".repeat(QUOTED_CHARS_MAX)))
    };
    assert_eq!(found, [Ok(7.0), too_long(2), Ok(8.0), too_long(4)]);
}

#[test]
fn an_endless_line_is_reported_before_it_ends_and_takes_no_memory() {
    let mut lines = Lines::new(io::repeat(b'9').take(1 << 30));
    assert!(lines.poll().unwrap_err().can_poll_again());
    assert!(lines.line.capacity() <= 2 * LINE_BYTES_MAX);
    assert!(lines.reader.get_ref().limit() > (1 << 30) - (1 << 16));
}

#[test]
fn a_line_may_arrive_in_pieces() {
    let chunks = ["1", "4.", "2\n1", "5\r", "\n", "16"];
    let reader = Chunks(chunks.map(|chunk| Ok(chunk.as_bytes())).into());
    assert_eq!(all(reader), [14.2, 15.0, 16.0].map(Ok));
}

#[test]
fn a_number_is_given_out_before_more_input_is_awaited() {
    let mut lines = Lines::new(Chunks(vec![Ok(b"1\n2\n"), Err(io::Error::other("read too far"))]));
    assert_eq!(lines.poll().unwrap(), Some(Reading::new(1.0)));
    assert_eq!(lines.poll().unwrap(), Some(Reading::new(2.0)));
    let error = lines.poll().unwrap_err();
    assert_eq!(error.to_string(), "cannot read line 3: read too far");
    assert!(!error.can_poll_again());
}

#[test]
fn an_interrupted_read_is_repeated() {
    let interrupted = || Err(io::ErrorKind::Interrupted.into());
    let reader = Chunks(vec![interrupted(), Ok(b"1"), interrupted(), Ok(b"2\n")]);
    assert_eq!(all(reader), [Ok(12.0)]);
}
