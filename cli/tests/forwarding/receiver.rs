//! A receiver of remote write in the test's own process, which behaves as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::decoder::{Series, decode};

/// What the receiver does with a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Take,
    /// As a receiver of 2.0: it says how many samples it has written.
    TakeCounted,
    TakeSlowly(Duration),
    /// As VictoriaMetrics: it answers as if it had taken it, and counts it on a page.
    Drop,
    /// Takes it and dies before it answers.
    TakeAndDie,
    /// Status, further header lines, text.
    Answer(u16, &'static str, &'static str),
    Garbage,
    /// Closes the connection.
    Nothing,
    /// Closes it in the middle of the head.
    Half,
}

/// A message as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) series: Vec<Series>,
    /// How many came before.
    pub(crate) number: usize,
    /// Header lines, in lower case but for the values.
    pub(crate) headers: Vec<(String, String)>,
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, value: f64) -> bool {
        self.series.iter().flat_map(|it| &it.samples).any(|(_, it)| *it == value)
    }
}

type Behaviour = Box<dyn FnMut(&Message) -> Act + Send>;
/// The values by series and time.
type Stored = BTreeMap<String, BTreeMap<i64, f64>>;

#[derive(Default)]
struct State {
    behaviour: Option<Behaviour>,
    connections: usize,
    messages: usize,
    stored: Stored,
    dropped: usize,
    /// Samples that were there already, with the same value.
    again: usize,
    last: Option<Message>,
}

pub(crate) struct Receiver {
    scheme: &'static str,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Receiver {
    pub(crate) fn start(behaviour: impl FnMut(&Message) -> Act + Send + 'static) -> Self {
        Self::listen("http", behaviour, |stream, state| {
            let _ = serve(stream, &state);
        })
    }

    /// Speaks TLS.
    pub(crate) fn start_tls(
        config: Arc<ServerConfig>,
        behaviour: impl FnMut(&Message) -> Act + Send + 'static,
    ) -> Self {
        Self::listen("https", behaviour, move |stream, state| {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            // One that is not believed says so, and goes.
            let _ = serve(&mut stream, &state);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        })
    }

    fn listen(
        scheme: &'static str,
        behaviour: impl FnMut(&Message) -> Act + Send + 'static,
        serve: impl Fn(TcpStream, Arc<Mutex<State>>) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let behaviour: Option<Behaviour> = Some(Box::new(behaviour));
        let state = Arc::new(Mutex::new(State { behaviour, ..State::default() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, serve) = (Arc::clone(&shared), serve.clone());
                thread::spawn(move || {
                    // Without a receiver the program would wait without end.
                    if catch_unwind(AssertUnwindSafe(|| serve(stream, shared))).is_err() {
                        std::process::exit(101);
                    }
                });
            }
        });
        Self { scheme, address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}/api/v1/write", self.scheme, self.address)
    }

    /// The name of its cursors.
    pub(crate) fn cursor(&self) -> String {
        format!("forward-{}-api-v1-write", self.address.to_string().replace(':', "-"))
    }

    pub(crate) fn behave(&self, behaviour: impl FnMut(&Message) -> Act + Send + 'static) {
        self.state().behaviour = Some(Box::new(behaviour));
    }

    pub(crate) fn messages(&self) -> usize {
        self.state().messages
    }

    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    pub(crate) fn again(&self) -> usize {
        self.state().again
    }

    pub(crate) fn last(&self) -> Message {
        self.state().last.clone().expect("a message has come")
    }

    pub(crate) fn stored(&self) -> Stored {
        self.state().stored.clone()
    }

    /// Milliseconds and values of the one series.
    pub(crate) fn samples(&self) -> Vec<(i64, f64)> {
        let stored = self.stored();
        assert!(stored.len() <= 1, "{:?}", stored.keys());
        stored.into_values().flatten().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Answers messages until the connection ends.
fn serve(stream: impl Read + Write, state: &Mutex<State>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut number = 0;
    while answer_one(&mut stream, number, state)? {
        number += 1;
    }
    Ok(())
}

/// Whether another message may follow.
fn answer_one(
    stream: &mut BufReader<impl Read + Write>,
    number: usize,
    state: &Mutex<State>,
) -> std::io::Result<bool> {
    let mut headers = Vec::new();
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let is_page = line.starts_with("GET /metrics ");
    line.clear();
    while stream.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        line.clear();
    }
    if line.is_empty() {
        return Ok(false);
    }
    if is_page {
        let dropped = state.lock().unwrap().dropped;
        let text = format!("vm_rows_ignored_total{{reason=\"small_timestamp\"}} {dropped}\n");
        stream.get_mut().write_all(answer(200, "", &text).as_bytes())?;
        return Ok(true);
    }
    let header = |name: &str| headers.iter().find(|(it, _)| it == name).map(|(_, it)| it.clone());
    let length = header("content-length").expect("a length").parse().expect("a number");
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    assert_eq!(header("content-encoding").as_deref(), Some("snappy"));
    let version = header("x-prometheus-remote-write-version").expect("a version");
    let message = snap::raw::Decoder::new().decompress_vec(&body).expect("snappy");
    let series = decode(&message, version == "2.0.0").expect("a message");

    let (act, count) = {
        let mut state = state.lock().unwrap();
        let count: usize = series.iter().map(|it| it.samples.len()).sum();
        let message = Message { series, number: state.messages, headers };
        state.messages += 1;
        state.connections += usize::from(number == 0);
        let act = state.behaviour.as_mut().expect("one")(&message);
        if matches!(act, Act::Take | Act::TakeCounted | Act::TakeSlowly(_) | Act::TakeAndDie) {
            take(&mut state, &message);
        }
        if matches!(act, Act::Drop) {
            state.dropped += count;
        }
        state.last = Some(message);
        (act, count)
    };
    let reply = match act {
        Act::Take | Act::Drop => answer(204, "", ""),
        Act::TakeCounted => {
            let written = format!("X-Prometheus-Remote-Write-Samples-Written: {count}\r\n");
            answer(204, &written, "")
        }
        Act::TakeSlowly(time) => {
            thread::sleep(time);
            answer(200, "", "")
        }
        Act::Answer(status, headers, text) => answer(status, headers, text),
        Act::Garbage => "\u{1b}[2J this is no HTTP\r\n\r\n".to_owned(),
        Act::Half => "HTTP/1.1 20".to_owned(),
        Act::Nothing | Act::TakeAndDie => String::new(),
    };
    stream.get_mut().write_all(reply.as_bytes())?;
    stream.get_mut().flush()?;
    Ok(matches!(
        act,
        Act::Take | Act::TakeCounted | Act::TakeSlowly(_) | Act::Drop | Act::Answer(..)
    ))
}

fn take(state: &mut State, message: &Message) {
    for series in &message.series {
        let labels: Vec<String> =
            series.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let sorted = series.labels.is_sorted() && series.samples.is_sorted_by(|a, b| a.0 < b.0);
        assert!(sorted, "labels by name, samples by time, one a millisecond");
        let stored = state.stored.entry(labels.join(",")).or_default();
        for (time, value) in &series.samples {
            match stored.insert(*time, *value) {
                Some(before) if before == *value => state.again += 1,
                Some(before) => panic!("{time}: {before} and {value}"),
                None => {}
            }
        }
    }
}

fn answer(status: u16, headers: &str, text: &str) -> String {
    let length = text.len();
    format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\n\r\n{text}")
}
