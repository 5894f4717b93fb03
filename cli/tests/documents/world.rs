//! Where the commands of a document run: the files that it takes for granted, programs and
//! servers in place of those that are not at hand, and what still runs.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gaugelog::{Observation, Store};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::program::tool::{Running, wait_until};
use crate::program::{CONTROL, DAEMON, SERVICE, TOOL};

/// The stores that a document takes for granted; others begin without any.
const STORES: [(&str, &[&str]); 4] = [
    ("asking.md", &["house/attic", "house/room"]),
    ("keeping.md", &["room.log"]),
    ("parquet.md", &["house/cpu"]),
    ("serving.md", &["house/room"]),
];

/// What stands in place of what no test has. `{server}` answers with numbers, and takes
/// whatever is sent to it.
const STAND_INS: [(&str, &str); 10] = [
    ("sensor:hwmon/coretemp/temp1", "sensor:loadavg/1"),
    ("https://example.org/", "http://{server}/"),
    ("https://station.example/", "http://{server}/"),
    ("http://monitor:9090/", "http://{server}/"),
    ("http://monitor:8428/", "http://{server}/"),
    ("https://monitor.example/", "http://{server}/"),
    ("exec:/usr/local/bin/", "exec:{dir}/bin/"),
    ("/backup/", "{dir}/backup/"),
    ("0.0.0.0:8080", "127.0.0.1:0"),
    ("gaugelog serve house\n", "gaugelog serve house --listen 127.0.0.1:0\n"),
];

/// Commands that go on until they are stopped, but for those with such an option.
const GO_ON: [(&str, &str); 4] = [
    ("gaugelog collect ", " --for "),
    ("gaugelog serve ", " --help"),
    ("gaugelog forward ", " --once"),
    ("gaugelog tail -f", " --help"),
];

/// Programs of other projects, as scripts.
const PROGRAMS: [(&str, &str); 2] =
    [("mosquitto_sub", "printf '%s\\n' 1 2.5 4"), ("water-meter", "echo 1234")];

pub(crate) struct World {
    dir: TempDir,
    server: String,
    /// What goes on, and where it prints.
    running: Vec<Running>,
}

impl World {
    pub(crate) fn new(document: &str, configuration: &[String]) -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), server: serve(), running: vec![] };
        let dir = world.dir.path();
        for name in ["bin", "backup", "run"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        for program in [TOOL, SERVICE, DAEMON, CONTROL] {
            symlink(program, dir.join("bin").join(Path::new(program).file_name().unwrap()))
                .unwrap();
        }
        for (name, script) in PROGRAMS {
            let path = dir.join("bin").join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let configuration = match configuration {
            [] => "[source.load]\nspec = \"sensor:loadavg/1\"\n".to_owned(),
            blocks => blocks.concat(),
        };
        fs::write(dir.join("house.toml"), world.with_stand_ins(&configuration)).unwrap();
        for token in ["station-token", "monitor-token"] {
            fs::write(dir.join(token), "0815\n").unwrap();
        }
        fs::copy("../sources/tests/pages/version1.pem", dir.join("station.pem")).unwrap();
        let weeks = ["1958-04-05,-99.99\n".repeat(59), "1958-04-12,317.6\n".repeat(2_224)].concat();
        fs::write(dir.join("co2.csv"), "date,co2\n1958-03-29,316.19\n".to_owned() + &weeks)
            .unwrap();
        let stores = STORES.iter().find(|(name, _)| *name == document).map_or(&[][..], |it| it.1);
        stores.iter().for_each(|name| fill(&dir.join(name)));
        world
    }

    fn with_stand_ins(&self, text: &str) -> String {
        let place = |text: &str| {
            text.replace("{server}", &self.server)
                .replace("{dir}", self.dir.path().to_str().unwrap())
        };
        let text = STAND_INS.iter().fold(format!("{text}\n"), |text, (real, stand_in)| {
            text.replace(real, &place(stand_in))
        });
        text.trim_end().to_owned()
    }

    /// What was printed, with the names of the document.
    fn with_names(&self, text: &str) -> String {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        text.replace(&format!("http://{}/", self.server), "http://monitor:9090/")
            .replace(&format!("{}/backup", self.dir.path().display()), "/backup")
            .replace(&format!("\"{}\"", host.trim_end()), "\"box\"")
    }

    /// Runs a command, and returns what it prints on both streams: to its end, or if it goes
    /// on, until it is as it should be.
    pub(crate) fn run(
        &mut self,
        command: &str,
        is_as_shown: impl Fn(&str) -> bool,
    ) -> Result<String, String> {
        let goes_on =
            GO_ON.iter().any(|(begin, ends)| command.starts_with(begin) && !command.contains(ends));
        let command = self.with_stand_ins(command);
        let printed = self.dir.path().join(format!("run/{}", self.running.len()));
        let begin = if goes_on { format!("exec {command}") } else { command.clone() };
        let mut shell = self.shell(&begin, File::create(&printed).unwrap());
        let mut child = shell.spawn().unwrap();
        drop(shell);
        let text = || self.with_names(&fs::read_to_string(&printed).unwrap());
        if !goes_on {
            let status = child.wait().unwrap();
            return if status.success() {
                Ok(text())
            } else {
                Err(format!("{status}: {}", text()))
            };
        }
        let mut running = Running(child);
        for _ in 0..600 {
            let is_over = running.0.try_wait().unwrap().is_some();
            if is_over || (is_as_shown(&text()) && self.is_at_work(&command, &text())) {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let text = text();
        if let Some(status) = running.0.try_wait().unwrap() {
            return Err(format!("it has ended, {status}: {text}"));
        }
        self.running.push(running);
        Ok(text)
    }

    fn shell(&self, command: &str, printed: File) -> Command {
        let dir = self.dir.path();
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().current_dir(dir).arg("-c").arg(command).stdin(Stdio::null());
        shell.env("PATH", format!("{}/bin:/usr/bin:/bin", dir.display()));
        shell.env("HOME", dir).env("XDG_RUNTIME_DIR", dir.join("run"));
        shell.env("SIMPLE_SERVICE_LOG", dir.join("service.log"));
        shell.stdout(printed.try_clone().unwrap()).stderr(printed);
        shell
    }

    /// Whether a program that goes on has done its first work.
    fn is_at_work(&self, command: &str, printed: &str) -> bool {
        if !command.starts_with("gaugelog collect ") {
            return !printed.is_empty();
        }
        let log = command.split_once("--log ").map_or("gaugelog.log", |(_, rest)| rest);
        let log = log.split_whitespace().next().unwrap();
        let mut status = Command::new(TOOL);
        status.args(["status", "--json", "--log", log]).current_dir(self.dir.path());
        let output = status.env("XDG_RUNTIME_DIR", self.dir.path().join("run")).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let polled = |line: &str| {
            let store: serde_json::Value = serde_json::from_str(line).unwrap();
            store["polls"].as_u64() >= Some(1)
        };
        output.status.success() && lines.lines().any(polled)
    }

    /// Ends what goes on; none has ended before.
    pub(crate) fn end(mut self) {
        for running in &mut self.running {
            assert!(running.0.try_wait().unwrap().is_none(), "it was to go on");
            running.signal(Signal::TERM);
            wait_until(|| running.0.try_wait().unwrap().is_some());
        }
    }
}

/// A store with a value each ten seconds, for two days until now.
fn fill(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let now = i64::try_from(now).unwrap();
    let observations: Vec<Observation> = (0..17_280_i32)
        .rev()
        .map(|ago| {
            let value = 20.0 + f64::from(ago % 37) / 8.0;
            Observation::new(now - i64::from(ago) * 10_000_000_000, value)
        })
        .collect();
    Store::create(path).unwrap().append_batch(&observations).unwrap();
}

/// A server that answers with numbers, and takes what is sent.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || drop(answer(stream)));
        }
    });
    address
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(said) = line.strip_prefix("content-length: ") {
            length = said.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let (status, body) = match request.starts_with("GET ") {
        true => ("200 OK", r#"{"main": {"temp": 21.5}, "temp": 12.5, "rain": 3}"#),
        false => ("204 No Content", ""),
    };
    let length = body.len();
    let head = "Content-Type: application/json\r\nConnection: close";
    write!(&stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}")
}
