//! The files of the service, and its configuration for the runtime.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::Result;
use crate::tree::Tree;

/// The directory of the programs, as the agent calls them, and of their store.
const RUN: &str = "golem/run";
const STORE: &str = "service.log";
/// The directories for exchanging files.
const VOLUMES: [&str; 2] = ["/golem/in", "/golem/out"];

/// The names of the one program. Its name decides which program it is.
const PROGRAMS: [&str; 7] = [
    "gaugelog",
    "simple_service",
    "simple_service.py",
    "simulate_observations",
    "simulate_observations.py",
    "simulate_observations_ctl",
    "simulate_observations_ctl.py",
];

const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";
/// Used only if the VM has a network.
const NAME_SERVERS: &str = "nameserver 1.1.1.1\nnameserver 8.8.8.8\n";
const USERS: &str = "root:x:0:0:root:/:/golem/run/gaugelog\n";

/// All files, with `program` under each name, and the store as its `--init` makes it.
///
/// # Errors
///
/// If `program` cannot be read, is not linked statically, or cannot be run.
pub fn tree(program: &Path) -> Result<Tree> {
    let bytes = fs::read(program).map_err(|error| format!("cannot read {program:?}: {error}"))?;
    if has_interpreter(&bytes) {
        return Err(format!(
            "{program:?} needs a dynamic linker, which the image does not have; link it with \
             -C target-feature=+crt-static"
        ));
    }
    let mut tree = Tree::default();
    // The guest powers off without the first three, and makes none of the others.
    for directory in ["proc", "sys", "etc", "dev", "var/run"] {
        tree.directory(directory, 0o755);
    }
    tree.directory("tmp", 0o1777);
    for volume in VOLUMES {
        tree.directory(volume.trim_start_matches('/'), 0o755);
    }
    for (name, text) in [("hosts", HOSTS), ("resolv.conf", NAME_SERVERS), ("passwd", USERS)] {
        tree.file(Path::new("etc").join(name), 0o644, text.into());
    }
    for name in PROGRAMS {
        tree.file(Path::new(RUN).join(name), 0o755, bytes.clone());
    }
    initialise(program, &mut tree)?;
    Ok(tree)
}

/// What `docker inspect` would call the image's configuration.
pub fn config() -> Value {
    let volumes = VOLUMES.iter().map(|volume| ((*volume).to_owned(), json!({})));
    json!({
        "User": "",
        "Env": [],
        "WorkingDir": format!("/{RUN}"),
        "Volumes": volumes.collect::<serde_json::Map<_, _>>(),
        "Entrypoint": [format!("/{RUN}/simple_service")],
        "Cmd": ["--help"],
    })
}

/// Lets the program make its store, in a separate place, and adds the files.
fn initialise(program: &Path, tree: &mut Tree) -> Result<()> {
    let failed = |error: std::io::Error| format!("cannot make the image's store: {error}");
    let place = tempfile::tempdir().map_err(failed)?;
    // The name decides which of the programs it is.
    let named = place.path().join("simple_service");
    let program = std::path::absolute(program).map_err(failed)?;
    std::os::unix::fs::symlink(program, &named).map_err(failed)?;
    let store = place.path().join(STORE);
    let made = Command::new(&named)
        .arg("--init")
        .arg("--log")
        .arg(&store)
        .env_clear()
        .output()
        .map_err(failed)?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr);
        return Err(format!("--init, for the image's store, failed: {}", said.trim()));
    }
    let directory = Path::new(RUN).join(STORE);
    tree.directory(&directory, 0o755);
    for file in fs::read_dir(&store).map_err(failed)? {
        let file = file.map_err(failed)?;
        tree.file(directory.join(file.file_name()), 0o644, fs::read(file.path()).map_err(failed)?);
    }
    Ok(())
}

/// Whether an ELF file names a program interpreter (segment type `PT_INTERP`, 3).
fn has_interpreter(elf: &[u8]) -> bool {
    // In the 64-bit header: where program headers begin, the length of one, and their
    // number.
    let number = |at: usize, bytes: usize| {
        let field = elf.get(at..at + bytes)?;
        Some(field.iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)))
    };
    let headers = || Some((number(32, 8)?, number(54, 2)?, number(56, 2)?));
    let Some((start, bytes, count)) = headers() else { return false };
    (0..count).any(|n| number(start.saturating_add(n * bytes), 4) == Some(3))
}
