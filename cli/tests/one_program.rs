//! One executable is each of the programs, by the name that it is called by.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

fn called(place: &Path, name: &str, arguments: &[&str]) -> Output {
    let path = place.join(name);
    if !path.exists() {
        symlink(env!("CARGO_BIN_EXE_gaugelog"), &path).expect("linked");
    }
    let log = place.join("a.log");
    Command::new(path).args(arguments).arg("--log").arg(log).output().expect("run")
}

#[test]
fn a_name_says_which_program_it_is() {
    let place = tempfile::tempdir().expect("a directory");
    let ok = |name: &str, arguments: &[&str]| {
        let output = called(place.path(), name, arguments);
        assert!(output.status.success(), "{name}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    ok("simple_service", &["--init"]);
    ok("simple_service.py", &["--add", "14.25"]);
    assert!(ok("simple_service", &["--stats"]).contains(r#""mean": 14.25"#));
    // The daemon is the same executable, under its own name again.
    ok("simulate_observations_ctl.py", &["--start"]);
    let refused = called(place.path(), "simulate_observations", &[]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.starts_with("simulate_observations: error:"), "{said}");
    ok("simulate_observations_ctl", &["--stop"]);
}

#[test]
fn under_any_other_name_it_is_the_one_for_people() {
    let place = tempfile::tempdir().expect("a directory");
    for name in ["gaugelog", "gaugelog-0.1.0", "x"] {
        let output = called(place.path(), name, &["status"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with("gaugelog: "), "{name}: {said}");
    }
}
