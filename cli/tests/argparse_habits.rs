//! Command lines mean what they meant to the original's argparse.

mod program;

use program::{Bench, CONTROL, Ran, SERVICE, program};

/// Command lines and the exit status of an argparse parser with the original's five
/// options (Python 3.11, recorded), where a number that is not finite counts as 1.
const AS_ARGPARSE: &[(&[&str], i32)] = &[
    (&["--add", "14.2"], 0),
    (&["--add", "-5"], 0),
    (&["--add", "-.5"], 0),
    (&["--add", "1_000"], 0),
    (&["--add", " 14.2 "], 0),
    (&["--add", "-5 "], 0),
    (&["--add", "- 5"], 2),
    (&["--add", "x"], 2),
    (&["--add", ""], 2),
    (&["--add", "nan"], 1),
    (&["--add", "inf"], 1),
    (&["--add", "1e400"], 1),
    (&["--add", "infinity"], 1),
    (&["--add", "0x10"], 2),
    (&["--add", "1__0"], 2),
    (&["--add", "-"], 2),
    (&["--add", "--"], 2),
    (&["--add", "-h"], 2),
    (&["--add", "--stats"], 2),
    (&["--add", "-1e5x"], 2),
    (&["--add", "+5"], 0),
    (&["--add", ".5"], 0),
    (&["--add", "5."], 0),
    (&["--add", "1e5"], 0),
    (&["--add", "-x"], 2),
    (&["--add=14.2"], 0),
    (&["--add=-5"], 0),
    (&["--add=-.5"], 0),
    (&["--add=-5."], 0),
    (&["--add=-1e-05"], 0),
    (&["--add=-1_000"], 0),
    (&["--add=1_000"], 0),
    (&["--add= 14.2 "], 0),
    (&["--add=-5 "], 0),
    (&["--add=- 5"], 2),
    (&["--add=x"], 2),
    (&["--add="], 2),
    (&["--add=nan"], 1),
    (&["--add=inf"], 1),
    (&["--add=-inf"], 1),
    (&["--add=1e400"], 1),
    (&["--add=-1e400"], 1),
    (&["--add=infinity"], 1),
    (&["--add=0x10"], 2),
    (&["--add=1__0"], 2),
    (&["--add=-"], 2),
    (&["--add=-h"], 2),
    (&["--add=--stats"], 2),
    (&["--add=-1e5x"], 2),
    (&["--add=+5"], 0),
    (&["--add=.5"], 0),
    (&["--add=5."], 0),
    (&["--add=1e5"], 0),
    (&["--add=-nan"], 1),
    (&["--add=-x"], 2),
    (&["--a", "3"], 0),
    (&["--a", "x"], 2),
    (&[], 2),
    (&["--stats"], 0),
    (&["--st"], 0),
    (&["--s"], 0),
    (&["--d"], 0),
    (&["--i"], 0),
    (&["--in"], 0),
    (&["--p", "dist"], 0),
    (&["--plot=time"], 0),
    (&["--plo=dist"], 0),
    (&["--plot", "TIME"], 2),
    (&["--plot", "x"], 2),
    (&["--plot="], 2),
    (&["--plot"], 2),
    (&["--plot", ""], 2),
    (&["--plot", "--stats"], 2),
    (&["--plot", "-h"], 2),
    (&["--add"], 2),
    (&["--add", "1", "--add", "2"], 0),
    (&["--add", "1", "--add", "x"], 2),
    (&["--stats", "--stats"], 0),
    (&["--plot", "time", "--plot", "dist"], 0),
    (&["--stats", "--init"], 2),
    (&["--add", "1", "--stats"], 2),
    (&["--dump", "--plot", "time"], 2),
    (&["--init", "--init"], 0),
    (&["--add=1", "--init", "--add=2"], 2),
    (&["--stats", "--"], 2),
    (&["--", "--stats"], 2),
    (&["--add", "--", "5"], 2),
    (&["--add", "5", "--"], 2),
    (&["--"], 2),
    (&["-"], 2),
    (&["--stats", "-"], 2),
    (&["--stats", "x"], 2),
    (&["--stats", ""], 2),
    (&["--stats", "-5"], 2),
    (&["--add", "5", "-5"], 2),
    (&["--add", "5", "6"], 2),
    (&["pos"], 2),
    (&["--init="], 2),
    (&["--init=x"], 2),
    (&["--stats=", "--stats"], 2),
    (&["--help=x"], 2),
    (&["--help="], 2),
    (&["-h"], 0),
    (&["--help"], 0),
    (&["--he"], 0),
    (&["--h"], 0),
    (&["-hh"], 0),
    (&["--stats", "-h"], 0),
    (&["-h", "--add", "x"], 0),
    (&["--add", "x", "-h"], 2),
    (&["-h", "--"], 0),
    (&["--", "-h"], 2),
    (&["--ADD", "5"], 2),
    (&["-a", "5"], 2),
    (&["-add", "5"], 2),
    (&["---stats"], 2),
    (&["--bogus"], 2),
    (&["--stats", "--bogus"], 2),
    (&["-s"], 2),
    (&["--stats=1"], 2),
    (&["--addx", "1"], 2),
    (&["--statss"], 2),
    (&["--add", "1e5", "-x"], 2),
    (&["--log"], 2),
    (&["--dump", "--dump", "--stats"], 2),
];

/// Where ours differs on purpose: argparse's status, ours, and why.
const NOT_AS_ARGPARSE: &[(&[&str], i32, i32, &str)] = &[
    (&["--add", "-5."], 2, 0, "later ones take any negative number"),
    (&["--add", "-1e-05"], 2, 0, "later ones take any negative number"),
    (&["--add", "-1_000"], 2, 0, "later ones take any negative number"),
    (&["--add", "-inf"], 2, 1, "a value that cannot be stored, like inf"),
    (&["--add", "-1e400"], 2, 1, "a value that cannot be stored, like 1e400"),
    (&["--add", "-nan"], 2, 1, "a value that cannot be stored, like nan"),
    (&["--add=--"], 0, 2, "stored an empty list"),
    (&["-hx"], 2, 0, "help was asked for"),
    (&["--stats", "--init", "-h"], 2, 0, "help was asked for"),
    (&["--bogus", "-h"], 0, 2, "clap reads no further than the first error"),
    (&["pos", "-h"], 0, 2, "clap reads no further than the first error"),
];

/// The exit status on a store of this command line's own, named by the environment.
fn status(arguments: &[&str]) -> Option<i32> {
    let creates = arguments.iter().any(|argument| argument.starts_with("--i"));
    let bench = if creates { Bench::bare() } else { Bench::new() };
    let mut command = program(SERVICE);
    command.env("SIMPLE_SERVICE_LOG", &bench.store).args(arguments);
    let ran = Ran::of({
        command.current_dir(bench.dir.path());
        command
    });
    if ran.status == Some(2) {
        assert!(ran.stderr.starts_with("usage: simple_service [-h] (--add ADD | "), "{ran:?}");
        assert!(ran.stderr.contains("\nsimple_service: error: "), "{ran:?}");
        assert_eq!((ran.stderr.lines().count(), ran.stdout.as_str()), (2, ""), "{ran:?}");
    }
    ran.status
}

#[test]
fn command_lines_are_taken_and_refused_as_by_argparse() {
    for (arguments, expected) in AS_ARGPARSE {
        assert_eq!(status(arguments), Some(*expected), "{arguments:?}");
    }
}

#[test]
fn where_ours_differs_it_is_on_purpose() {
    for (arguments, argparse, ours, why) in NOT_AS_ARGPARSE {
        assert_ne!(argparse, ours, "{arguments:?} is no difference");
        assert_eq!(status(arguments), Some(*ours), "{arguments:?}: {why}");
    }
}

#[test]
fn errors_are_in_argparses_words() {
    let required = "one of the arguments --add --init --plot --dump --stats is required";
    for (arguments, message) in [
        (&["--add", "x"][..], "argument --add: invalid float value: 'x'"),
        (&["--add"], "argument --add: expected one argument"),
        (&["--plot", "x"], "argument --plot: invalid choice: 'x' (choose from 'time', 'dist')"),
        (&["--stats", "--init"], "argument --init: not allowed with argument --stats"),
        (&["--init=x"], "argument --init: ignored explicit argument 'x'"),
        (&["--stats", "more"], "unrecognized arguments: more"),
        (&["--stats", "--"], "unrecognized arguments: --"),
        (&["--stats", "--from", "1"], "argument --from: not allowed without argument --dump"),
        (&["--dump", "--from", "-1"], "argument --from: invalid sequence value: '-1'"),
        (&["--dump", "--from", "1.0"], "argument --from: invalid sequence value: '1.0'"),
        (&["--dump", "--from"], "argument --from: expected one argument"),
        (&[], required),
    ] {
        let mut command = program(SERVICE);
        command.args(arguments);
        let ran = Ran::of(command);
        assert_eq!(ran.stderr.lines().last(), Some(&*format!("simple_service: error: {message}")));
    }
}

#[test]
fn the_last_of_repeated_options_counts() {
    let bench = Bench::new();
    bench.serve(&["--add", "1", "--add", "2"]).succeeds();
    assert_eq!(bench.stats()["max"], 2.0);
    assert_eq!(bench.size(), 1);
}

#[test]
fn our_own_options_leave_the_abbreviations_alone() {
    let bench = Bench::new();
    for (abbreviated, status) in [("--s", 0), ("--d", 0), ("--a=1", 0), ("--p=time", 0), ("--i", 1)]
    {
        assert_eq!(bench.serve(&[abbreviated]).status, Some(status), "{abbreviated}");
    }
    bench.serve(&["--d", "--f", "0"]).succeeds();
    let mut command = program(SERVICE);
    command.arg("--l").arg(&bench.store).arg("--o").arg(bench.dir.path()).arg("--plot=dist");
    Ran::of(command).succeeds();
}

#[test]
fn help_has_examples_and_goes_to_stdout() {
    for (path, example) in [
        (SERVICE, "simple_service --add 14.2"),
        (CONTROL, "simulate_observations_ctl --start"),
        (program::DAEMON, "simulate_observations_ctl --start"),
        (program::TOOL, "gaugelog collect normal --every 100ms --for 10s"),
    ] {
        for option in ["-h", "--help"] {
            let mut command = program(path);
            command.arg(option);
            let ran = Ran::of(command).succeeds();
            assert!(ran.stdout.contains(example), "{ran:?}");
        }
    }
}

#[test]
fn the_control_takes_exactly_one_of_two_and_their_abbreviations() {
    for (arguments, status) in [
        (&["--star"][..], 1),
        (&["--sto"], 1),
        (&["--stop", "--stop"], 1),
        (&["--st"], 2),
        (&["--s"], 2),
        (&[], 2),
        (&["--start", "--stop"], 2),
        (&["--start", "now"], 2),
        (&["--start=1"], 2),
        (&["-h"], 0),
    ] {
        // No store is there, so what is understood fails.
        let ran = Bench::bare().control(arguments);
        assert_eq!(ran.status, Some(status), "{ran:?}");
    }
}
