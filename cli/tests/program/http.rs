//! `gaugelog serve`, and requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::tool::Running;
use super::{TOOL, program};

/// A server on a free port, ended with the test.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn of(dir: &Path, arguments: &[&str]) -> Self {
        let mut command = program(TOOL);
        command.arg("serve").arg(dir).args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.stderr(Stdio::piped());
        let mut running = Running::of(command);
        let mut line = String::new();
        let out = running.0.stdout.as_mut().expect("it has an output");
        BufReader::new(out).read_line(&mut line).expect("it prints");
        let address = line.trim_end().strip_suffix('/').and_then(|it| it.rsplit_once("//"));
        let address = address.unwrap_or_else(|| panic!("it names its address: {line:?}")).1;
        Self { running, address: address.parse().expect("an address") }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[&str]) -> Answer {
        let mut head = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|header| header.starts_with("Host:")) {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        self.send(format!("{head}\r\n").as_bytes())
    }

    /// Sends these bytes, and reads to the end of what comes back.
    pub(crate) fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // It may have answered and closed before it has read everything.
        let _ = stream.write_all(bytes);
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        Answer::of(&text)
    }

    /// What it answers to a question that it can answer.
    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// What it says against a question.
    #[track_caller]
    pub(crate) fn refusal(&self, path: &str) -> (u16, String) {
        let answer = self.get(path);
        let text = answer.json()["error"].as_str().expect("an error").to_owned();
        (answer.status, text)
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 where none came.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The body, where it is no text.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let end =
            bytes.windows(4).position(|it| it == b"\r\n\r\n").map_or(bytes.len(), |it| it + 4);
        let (head, body) = (head.to_owned(), body.to_owned());
        Self { status, head, body, bytes: bytes[end..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut named = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
