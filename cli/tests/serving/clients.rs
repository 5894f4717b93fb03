//! Who may ask, and what clients do that is no good.

use super::*;

#[test]
fn another_host_is_refused() {
    let dir = house(&[("room", &weather(10))]);
    let server = Server::of(dir.path(), &["--host", "Gauges.example.org"]);
    let status = |host: &str| server.get_with("/metrics", &[&format!("Host: {host}")]).status;
    for host in ["localhost", "localhost:80", "127.0.0.1:1", "[::1]:8080", "gauges.example.org"] {
        assert_eq!(status(host), 200, "{host}");
    }
    for host in ["localhost.", "gauges.example.org.:80"] {
        assert_eq!(status(host), 200, "{host}");
    }
    for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil"] {
        assert_eq!(status(host), 421, "{host}");
    }
    let without = server.send(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(without.status, 400);
}

#[test]
fn other_machines_need_a_token() {
    let dir = house(&[("room", &weather(10))]);
    let serve = |arguments: &[&str]| {
        let mut command = program(TOOL);
        command.arg("serve").arg(dir.path()).args(arguments);
        Ran::of(command)
    };
    let refused = serve(&["--listen", "0.0.0.0:0"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("give --token-file FILE"), "{refused:?}");
    for (option, value, why) in [
        ("--listen", "8080", "such as 127.0.0.1:8080"),
        ("--listen", "localhost:8080", "write an IP address"),
        ("--host", "http://box:8080/", "such as gauges.example.org"),
    ] {
        let refused = serve(&[option, value]);
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(why), "{refused:?}");
    }
    let file = dir.path().join("token");
    fs::write(&file, "short\n").unwrap();
    let file = file.to_str().unwrap();
    serve(&["--token-file", file]).fails_naming(&["token", "16 to 256", "urandom"]);

    fs::write(file, format!("{TOKEN}\n")).unwrap();
    let server = Server::of(dir.path(), &["--token-file", file]);
    let wrong = TOKEN.replace('f', "e");
    let cookie = format!("gaugelog-{}", server.address.port());
    for (headers, status) in [
        (vec![], 401),
        (vec![format!("Authorization: Bearer {wrong}")], 401),
        (vec![format!("Authorization: Bearer {TOKEN}")], 200),
        (vec![format!("Authorization: bearer  {TOKEN}")], 200),
        (vec![format!("Authorization: Basic {TOKEN}")], 401),
        (vec![format!("Cookie: gaugelog-1={wrong}; {cookie}={TOKEN}")], 200),
        (vec![format!("Cookie: {cookie}={wrong}")], 401),
        (vec![format!("Cookie: gaugelog-1={TOKEN}")], 401),
        (vec![format!("Authorization: Bearer {TOKEN}"), "Host: evil.example".to_owned()], 421),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        for path in ["/", "/metrics", "/api/v1/stores"] {
            assert_eq!(server.get_with(path, &headers).status, status, "{path} {headers:?}");
        }
    }
    // In the address, for a cookie and nothing else.
    let encoded = TOKEN.replace('+', "%2B").replace('/', "%2F");
    let answer = server.get(&format!("//evil.example/?token={encoded}&since=-1h"));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/evil.example/?since=-1h")));
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with(&format!("{cookie}={TOKEN};")), "{set}");
    // A link in a mail leads to the page, and not to a refusal.
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    assert_eq!(server.get(&format!("/?token={wrong}")).status, 401);
}

#[test]
fn clients_that_do_no_good_stop_nothing() {
    let dir = house(&[("room", &weather(10_000))]);
    let server = Server::of(dir.path(), &[]);
    let is_served = || server.json("/api/v1/stores/room/stats")["rows"][0]["count"] == 10_000;

    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(20_000));
    assert!(matches!(server.send(long.as_bytes()).status, 414 | 431), "a long address");
    let headers = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert_eq!(server.send(headers.as_bytes()).status, 431, "many headers");
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n"] {
        assert!(matches!(server.send(bytes).status, 0 | 400), "{bytes:?}");
    }
    assert!(is_served());

    // A body that never ends, with a request that should have none.
    let mut endless = server.connect();
    let head = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    endless.write_all(head).unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    // It is not read for ever: the connection is closed.
    wait_until(|| endless.write_all(chunk.as_bytes()).is_err());
    assert!(is_served());

    // Many that say nothing, half a request, or read no answer: the oldest make room.
    let ask = b"GET /api/v1/stores/room/values?limit=10000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut silent: Vec<TcpStream> = Vec::new();
    for number in 0..600 {
        let mut stream = server.connect();
        let part = match number % 3 {
            0 => &b""[..],
            1 => &ask[..20],
            _ => &ask[..],
        };
        let _ = stream.write_all(part);
        silent.push(stream);
        if number % 100 == 99 {
            assert!(is_served(), "after {number}");
        }
    }
    let mut first = &silent[0];
    assert!(matches!(first.read(&mut [0]), Ok(0) | Err(_)), "the first one has been closed");
}

#[test]
fn many_at_once_are_all_answered() {
    let dir = house(&[("room", &weather(100_000))]);
    let server = Server::of(dir.path(), &[]);
    let ask = b"GET /api/v1/stores/room/stats?quantile=.5 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut clients: Vec<TcpStream> = (0..220).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.write_all(ask).unwrap());
    for mut client in clients {
        let mut status = [0; 12];
        client.read_exact(&mut status).unwrap();
        assert_eq!(status.escape_ascii().to_string(), "HTTP/1.1 200");
    }
}

/// Both threads compute what would take minutes; who asks next would wait in vain.
#[test]
fn a_client_that_leaves_frees_the_thread() {
    // In any order, so each quantile of each bucket takes a look at everything.
    let time = |n: i64| NOON + n * 7_919 % 4_990 * SECOND;
    let all: Vec<Observation> =
        (0..200_000).map(|n| Observation::new(time(n), (n as f64).sin())).collect();
    let dir = house(&[("room", &all)]);
    let server = Server::of(dir.path(), &[]);
    let quantiles: Vec<String> = (1..=20).map(|n| format!("0.{n:02}")).collect();
    let ask = format!(
        "GET /api/v1/stores/room/buckets?every=1s&quantile={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        quantiles.join(",")
    );
    for _ in 0..3 {
        let mut clients = [server.connect(), server.connect()];
        clients.iter_mut().for_each(|client| client.write_all(ask.as_bytes()).unwrap());
        // Long enough for both to have begun, as a rule.
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(server.json("/api/v1/stores/room/stats")["rows"][0]["count"], 200_000);
}

#[test]
fn a_signal_ends_it() {
    let dir = house(&[("room", &weather(10))]);
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::of(dir.path(), &[]);
        let mut idle = server.connect();
        server.json("/api/v1/stores");
        server.running.signal(signal);
        let status = server.running.0.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(matches!(idle.read(&mut [0]), Ok(0) | Err(_)));
        let mut said = String::new();
        server.running.0.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    }
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let dir = house(&[("room", &weather(10))]);
    let server = Server::of(dir.path(), &[]);
    let mut command = program(TOOL);
    let address = server.address.to_string();
    command.arg("serve").arg(dir.path()).args(["--listen", &address]);
    Ran::of(command).fails_naming(&[&address, "choose another with --listen"]);
    let mut command = program(TOOL);
    command.arg("serve").arg(dir.path().join("nowhere"));
    Ran::of(command).fails_naming(&["nowhere", "no directory"]);
}
