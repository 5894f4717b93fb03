//! A collector on a server that alternates bad and good answers: the bad ones are
//! reported by name, and the good ones are all stored.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use gaugelog::Store;
use gaugelog_sources::{Collector, Event, Record, Registry, Settings, Stop};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::bad_answers::peak_memory_bytes;
use crate::good_answers::{gzip, gzip_of_blanks};

/// Long enough for a good answer on a slow machine, short enough for a test.
const DEADLINE: Duration = Duration::from_secs(4);
const SECOND: Duration = Duration::from_secs(1);

/// Making it takes longer than a poll may take on a busy machine.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| gzip_of_blanks(200 << 20));

/// A body in pieces, with a pause before each, that ends or is cut off.
struct Pieces {
    pieces: VecDeque<Bytes>,
    pause: Option<Pin<Box<Sleep>>>,
    breaks_off: bool,
}

impl Pieces {
    fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { pieces: VecDeque::from([bytes.into()]), pause: None, breaks_off: false }
    }

    fn broken_off(bytes: &'static str) -> Self {
        Self { breaks_off: true, ..Self::whole(bytes) }
    }

    fn byte_a_second(text: &'static str) -> Self {
        let pieces = text.as_bytes().chunks(1).map(Bytes::from).collect();
        Self { pieces, pause: Some(Box::pin(sleep_until(Instant::now()))), breaks_off: false }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            pause.as_mut().reset(Instant::now() + SECOND);
        }
        Poll::Ready(match self.pieces.pop_front() {
            Some(piece) => Some(Ok(Frame::data(piece))),
            None if self.breaks_off => Some(Err(io::Error::other("enough"))),
            None => None,
        })
    }
}

/// The kind of each bad answer, and its error.
const BAD: [(&str, &str); 14] = [
    ("404", "status 404 Not Found"),
    ("500", "status 500 Internal Server Error"),
    ("loop", "there are more than 3 redirects"),
    ("file", "a redirect leads to \"file:///etc/passwd\": file: is neither http: nor https:"),
    ("bomb", "the page has more than 1048576 bytes"),
    ("slow", "it took longer than 4s"),
    ("stalled", "it took longer than 4s"),
    ("truncated", "the server closed the connection in the middle of its answer"),
    ("torn", "the page was cut off within \"{\"t\": 1\""),
    ("coded", "is not JSON: there is"),
    ("nested", "it is an array of 1"),
    ("huge", "which is not a finite number"),
    ("boolean", "#/t is true, which is not a number"),
    ("several", "#/t: it is there several times"),
];

async fn bad_answer(what: &str) -> Response<Pieces> {
    let page = |bytes: Vec<u8>| Response::new(Pieces::whole(bytes));
    let status = |status: u16, to: &str| {
        let response = Response::builder().status(status).header("location", to);
        response.body(Pieces::whole("")).unwrap()
    };
    match what {
        "404" => status(404, ""),
        "500" => status(500, ""),
        "loop" => status(302, "/loop"),
        "file" => status(307, "file:///etc/passwd"),
        "bomb" => Response::builder()
            .header("content-encoding", "gzip")
            .body(Pieces::whole(BOMB.as_slice()))
            .unwrap(),
        "slow" => Response::new(Pieces::byte_a_second("{\"t\": 1000000000000}")),
        "stalled" => std::future::pending().await,
        "truncated" => Response::new(Pieces::broken_off("{\"t\": 1")),
        "torn" => page(b"{\"t\": 1".to_vec()),
        "coded" => Response::builder()
            .header("content-encoding", "br")
            .body(Pieces::whole(&b"\x8b\x02"[..]))
            .unwrap(),
        "nested" => page([&[b'['; 100_000][..], &[b']'; 100_000]].concat()),
        "huge" => page(format!("{{\"t\": 1{}}}", "0".repeat(100_000)).into_bytes()),
        "boolean" => page(b"{\"t\": true}".to_vec()),
        _ => page(b"{\"t\": 1, \"t\": 2}".to_vec()),
    }
}

/// Alternates bad and good answers, except on `/loop`.
async fn answer(
    request: Request<Incoming>,
    asked: Arc<AtomicUsize>,
) -> Result<Response<Pieces>, Infallible> {
    if request.uri().path() == "/loop" {
        return Ok(bad_answer("loop").await);
    }
    let number = asked.fetch_add(1, Ordering::SeqCst);
    Ok(match BAD.get(number / 2).filter(|_| number.is_multiple_of(2)) {
        Some((what, _)) => bad_answer(what).await,
        None => {
            let compressed = gzip(format!("{{\"t\": {}}}", number / 2).as_bytes());
            let response = Response::builder().header("content-encoding", "gzip");
            response.body(Pieces::whole(compressed)).unwrap()
        }
    })
}

/// A server that runs until the tests end.
fn serve() -> SocketAddr {
    LazyLock::force(&BOMB);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let asked = Arc::new(AtomicUsize::new(0));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let asked = Arc::clone(&asked);
                let service = service_fn(move |request| answer(request, Arc::clone(&asked)));
                tokio::spawn(
                    http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
    });
    receiver.recv().unwrap()
}

#[test]
fn every_bad_answer_is_survived_and_the_next_good_one_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    let spec = format!("http://{}/#/t", serve());
    let source = Registry::standard().open(&spec, &Settings::new().deadline(DEADLINE)).unwrap();
    let stop = Stop::new();
    let (mut said, mut stored) = (Vec::new(), 0);
    let report = Collector::new()
        .interval(Duration::from_millis(1))
        .stop(stop.clone())
        .run(source, &store, |event| match event {
            Event::PollFailed(error) => {
                assert_eq!(said.len(), stored, "not twice in a row: {error}");
                said.push(error.to_string());
            }
            Event::Stored(_) => {
                stored += 1;
                if stored == BAD.len() {
                    stop.set();
                }
            }
            _ => {}
        })
        .unwrap();
    for (said, (what, expected)) in said.iter().zip(BAD) {
        assert!(
            said.starts_with(&format!("{spec}: ")) && said.contains(expected),
            "{what}: {said}"
        );
        assert!(said.chars().count() < 300, "{what}: {said}");
    }
    let count = BAD.len() as u64;
    assert_eq!((report.failed, report.stored), (count, count));
    let values: Vec<f64> =
        store.snapshot().unwrap().window(..).iter().map(|it| it.unwrap().value).collect();
    assert_eq!(values, (0..14).map(f64::from).collect::<Vec<f64>>());
    let record = Record::read(store.path()).unwrap().unwrap();
    assert_eq!((record.all.failed, record.all.stored), (count, count));
    let peak = peak_memory_bytes();
    println!("{peak} bytes at most");
    assert!(peak < 128 << 20, "the page of 200 MiB is nowhere whole: {peak}");
}
