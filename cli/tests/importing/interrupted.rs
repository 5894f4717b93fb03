//! What comes between an import and its end: other writers.

use std::io::Write;
use std::process::{Child, Stdio};

use super::*;

/// More rows than a pipe and the program's buffers hold.
const ROWS: u32 = 70_000;

fn rows() -> String {
    (0..ROWS).map(|n| format!("{},{n}\n", 1_780_315_200 + n)).collect()
}

impl Files {
    /// An import that has read nearly all of `text` from a pipe, and waits for more.
    fn importing(&self, text: &str) -> Child {
        let mut command = program(TOOL);
        command
            .arg("import")
            .arg(&self.store)
            .args(["-", "--time", "1", "--value", "2"])
            .stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        child
    }
}

#[test]
fn an_import_that_waits_for_input_keeps_no_other_writer_out() {
    let files = Files::new();
    let mut import = files.importing(&rows());
    let mut add = program(TOOL);
    add.arg("add").arg(&files.store).arg("5");
    Ran::of(add).succeeds();
    import.stdin.as_mut().unwrap().write_all(b"1780400000,7\n").unwrap();
    let output = import.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stored = files.stored();
    assert_eq!(stored.len(), ROWS as usize + 2);
    assert_eq!(stored[0].1, 5.0, "it was added before the rows");
}
