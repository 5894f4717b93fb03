use super::*;

fn cursor() -> Cursor {
    Cursor {
        store: id_text(0x8f3a),
        destination: "http://h:9090/api/v1/write".to_owned(),
        next: 123_456,
        occupied: vec![(-5, 7), (9, 9)],
        counts: Counts { sent: 123_000, refused: 456, ..Counts::default() },
        reception: Reception {
            failing_since_ns: Some(1_780_315_200_000_000_000),
            last_error: Some(LastError { time_ns: -1, text: "status 500".to_owned() }),
            ..Reception::default()
        },
    }
}

/// A cursor without what `gaugelog status` shows is one all the same.
#[test]
fn a_cursor_of_the_first_form_is_read() {
    let first = Cursor { reception: Reception::default(), ..cursor() };
    assert!(!encode(&first).contains("_ns"), "{}", encode(&first));
    assert_eq!(decode(encode(&first).as_bytes()), Ok(first));
}

#[test]
fn a_cursor_is_found_again_and_one_process_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::take(dir.path(), "h").unwrap();
    assert_eq!(place.load().unwrap(), Found::None);
    place.save(&cursor()).unwrap();
    place.save(&cursor()).unwrap();
    assert_eq!(place.load().unwrap(), Found::Cursor(cursor()));
    let Err(Exit::Error(said)) = Place::take(dir.path(), "h") else { panic!() };
    assert!(said.contains("forward-h.lock: another process"), "{said}");
    drop(place);
    Place::take(dir.path(), "h").unwrap();
}

/// Each byte flipped, and each length: corrupt, or the very same cursor (white space).
#[test]
fn a_changed_cursor_is_never_believed() {
    let text = encode(&cursor());
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            assert!(decode(&bytes).is_err() || at == text.len() - 1, "byte {at}, bit {bit}");
        }
        assert!(decode(&text.as_bytes()[..at]).is_err() || at == text.len() - 1);
    }
    assert_eq!(decode(text.as_bytes()), Ok(cursor()));
}

#[test]
fn destinations_name_their_cursors() {
    for (destination, expected) in [
        ("http://localhost:9090/api/v1/write", "localhost-9090-api-v1-write"),
        ("https://[::1]/", "1"),
        ("https://a.example/../../etc", "a.example-..-..-etc"),
    ] {
        assert_eq!(name_of(destination), expected);
    }
    assert!(name_of(&format!("http://{}", "a".repeat(300))).len() <= NAME_CHARS_MAX);
    for text in ["", "a/b", "..", "a b"] {
        assert!(name(text).is_err(), "{text}");
    }
}
