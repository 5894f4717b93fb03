//! What `export` writes, and where.

use super::*;

#[test]
fn exported_rows_are_everything_in_order_of_arrival() {
    let mut draws = Draws(3);
    let observations = weather(&mut draws, 2_000);
    let dir = house(&[("room", observations.clone())]);
    let room = dir.path().join("room");
    let row = |it: &Observation| {
        (rfc_3339(it.timestamp_ns).parse::<jiff::Timestamp>().unwrap(), it.value.to_bits())
    };
    let expected: Vec<_> = observations.iter().map(row).collect();
    let csv = tool(&["export"], &[&room]).succeeds().stdout;
    let (heading, rows) = csv.split_once('\n').unwrap();
    assert_eq!(heading, "time,value");
    let read = |line: &str| {
        let (time, value) = line.split_once(',').unwrap();
        (time.parse().unwrap(), value.parse::<f64>().unwrap().to_bits())
    };
    assert_eq!(rows.lines().map(read).collect::<Vec<_>>(), expected);
    let read = |row: &Value| {
        (row["time"].as_str().unwrap().parse().unwrap(), row["value"].as_f64().unwrap().to_bits())
    };
    let jsonl = tool(&["export", "--format", "jsonl"], &[&room]).succeeds();
    assert_eq!(lines(&jsonl).iter().map(read).collect::<Vec<_>>(), expected);
    let json = tool(&["export", "--format", "json"], &[&room]).succeeds().json();
    assert_eq!(json.as_array().unwrap().iter().map(read).collect::<Vec<_>>(), expected);
    let since = rfc_3339(NOON + 600 * SECOND);
    let part = tool(&["export", "--since", &since], &[&room]).succeeds().stdout;
    let later = observations.iter().filter(|it| it.timestamp_ns >= NOON + 600 * SECOND).count();
    assert_eq!(part.lines().count(), later + 1);
}

#[test]
fn line_protocol_has_nanoseconds() {
    let dir = house(&[("living room.log", vec![Observation::new(NOON + 1, 21.5)])]);
    let room = dir.path().join("living room.log");
    let influx = ["export", "--format", "influx"];
    let ran = tool(&influx, &[&room]).succeeds();
    assert_eq!(ran.stdout, "living\\ room value=21.5 1780315200000000001\n");
    let ran = tool(&[&influx[..], &["--every", "1h"]].concat(), &[&room]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("use csv or jsonl with --every"), "{ran:?}");
}

#[test]
fn an_exported_file_is_whole_or_not_there() {
    let dir = house(&[("room", vec![Observation::new(NOON, 2.5)])]);
    let (room, file) = (dir.path().join("room"), dir.path().join("room.csv"));
    let name = file.to_str().unwrap();
    tool(&["export", "-o", name], &[&room]).succeeds();
    assert_eq!(fs::read_to_string(&file).unwrap(), "time,value\n2026-06-01T12:00:00Z,2.5\n");
    let ran = tool(&["export", "--every", "1h", "--quantile", ".5", "-o", name], &[&room]);
    ran.succeeds();
    let expected =
        "time,count,min,max,mean,std_dev,p50\n2026-06-01T12:00:00Z,1,2.5,2.5,2.5,0.0,2.5\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    let nowhere = dir.path().join("none/room.csv");
    tool(&["export", "-o", nowhere.to_str().unwrap()], &[&room])
        .fails_naming(&["none/room.csv", "create the directory above it first"]);
    assert_eq!(names_in(dir.path()), ["room", "room.csv"]);
    tool(&["export"], &[dir.path()]).succeeds();
    Store::create(dir.path().join("hall")).unwrap();
    tool(&["export"], &[dir.path()]).fails_naming(&["a folder of several stores"]);
}

#[test]
fn a_pipe_is_written_to_and_a_link_stays_one() {
    let dir = house(&[("room", vec![Observation::new(NOON, 2.5)])]);
    let at = |name: &str| dir.path().join(name);
    let expected = "time,value\n2026-06-01T12:00:00Z,2.5\n";
    fs::write(at("linked.csv"), "").unwrap();
    std::os::unix::fs::symlink("linked.csv", at("link.csv")).unwrap();
    tool(&["export", "-o", at("link.csv").to_str().unwrap()], &[&at("room")]).succeeds();
    assert!(at("link.csv").is_symlink());
    assert_eq!(fs::read_to_string(at("linked.csv")).unwrap(), expected);

    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), mode).unwrap();
    let pipe = at("pipe");
    let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
    tool(&["export", "-o", at("pipe").to_str().unwrap()], &[&at("room")]).succeeds();
    assert_eq!(reader.join().unwrap(), expected);
    tool(&["export", "-o", "/dev/null"], &[&at("room")]).succeeds();
    assert!(!Path::new("/dev/null").is_file());
    assert_eq!(names_in(dir.path()), ["link.csv", "linked.csv", "pipe", "room"]);
}

#[test]
fn a_txt_file_may_have_any_format_of_text() {
    let dir = house(&[("room", vec![Observation::new(NOON, 2.5)])]);
    let (room, file) = (dir.path().join("room"), dir.path().join("room.txt"));
    let export = |format: &str, file: &Path| {
        tool(&["export", "--format", format, "-o", file.to_str().unwrap()], &[&room])
    };
    for (format, begins) in [("influx", "room value=2.5"), ("jsonl", "{"), ("json", "[")] {
        export(format, &file).succeeds();
        assert!(fs::read_to_string(&file).unwrap().starts_with(begins), "{format}");
    }
    let ran = export("influx", &dir.path().join("room.csv"));
    assert!(ran.stderr.contains("a .csv file has the format csv"), "{ran:?}");
    if cfg!(feature = "parquet") {
        assert_eq!(export("parquet", &file).status, Some(2));
    }
}
