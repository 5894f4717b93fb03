//! A server that sends what a test wants, byte for byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server on loopback that runs until the tests end.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each connection with this function, which gets the number of the
    /// connection, from 0.
    pub(crate) fn start(answer: impl Fn(usize, &mut TcpStream) + Clone + Send + 'static) -> Self {
        Self::start_at("127.0.0.1", answer)
    }

    pub(crate) fn start_at(
        host: &str,
        answer: impl Fn(usize, &mut TcpStream) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (mut stream, answer, seen) = (stream.unwrap(), answer.clone(), seen.clone());
                thread::spawn(move || {
                    let head = head(&mut stream);
                    seen.lock().unwrap().push(head);
                    answer(number, &mut stream);
                });
            }
        });
        Self { address, heads }
    }

    /// Always answers with this page.
    pub(crate) fn page(body: impl AsRef<[u8]>) -> Self {
        let answer = ok(body.as_ref(), "");
        Self::start(move |_, stream| say(stream, &answer))
    }

    /// Always answers with these bytes.
    pub(crate) fn bytes(answer: impl AsRef<[u8]>) -> Self {
        let answer = answer.as_ref().to_vec();
        Self::start(move |_, stream| say(stream, &answer))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Reads up to the empty line.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A good answer with further headers, each with its line end.
pub(crate) fn ok(body: &[u8], headers: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

pub(crate) fn redirect(location: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// The client may have gone already.
pub(crate) fn say(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}
