use super::*;

fn cursor() -> Cursor {
    Cursor {
        store: id_text(0x8f3a),
        destination: "http://h:9090/api/v1/write".to_owned(),
        next: 123_456,
        last: Some(bits_text(Observation::new(-1, 0.5))),
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

/// It does not say which observation was the last, and only numbers are compared.
#[test]
fn a_cursor_without_the_last_observation_is_read() {
    let text = r#"{"store":"0000000000008f3a","destination":"http://h/","next":7,"sent":7,"collided":0,"refused":0,"unreadable":0,"removed":0,"crc":"b5758780"}"#;
    let Ok(cursor) = decode(text.as_bytes()) else { panic!("{text}") };
    assert_eq!((cursor.next, &cursor.last, encode(&cursor)), (7, &None, format!("{text}\n")));
    let dir = tempfile::tempdir().unwrap();
    let store = gaugelog::Store::create(dir.path().join("store")).unwrap();
    let rows = (0..7).map(|n| Observation::new(n, 1.0));
    store.append_batch(&rows.collect::<Vec<_>>()).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(!cursor.is_contradicted_by(&snapshot));
    let at = |time_ns| {
        let last = Some(bits_text(Observation::new(time_ns, 1.0)));
        Cursor { last, ..cursor.clone() }.is_contradicted_by(&snapshot)
    };
    assert_eq!((at(6), at(5)), (false, true));
}

#[test]
fn a_cursor_is_found_again_and_one_process_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::take(dir.path(), "h").unwrap();
    assert_eq!(place.load().unwrap(), Found::None);
    place.save(&cursor()).unwrap();
    place.save(&cursor()).unwrap();
    assert_eq!(place.load().unwrap(), Found::Cursor(Box::new(cursor())));
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
