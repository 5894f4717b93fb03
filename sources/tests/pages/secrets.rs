//! Who sees a user, a password and a key; the environment has no influence on that.

use std::env;
use std::process::Command;

use gaugelog_sources::{Registry, Settings};

use crate::server::{Server, ok, redirect, say};
use crate::{error, read, read_with};

fn with_user(url: &str) -> String {
    url.replace("http://", "http://me:hunter%202@")
}

/// `me:hunter 2`, as sent.
const AUTHORIZATION: &str = "Basic bWU6aHVudGVyIDI=";

fn is_told(head: &str) -> bool {
    head.contains(AUTHORIZATION)
}

#[test]
fn a_server_gets_its_own_user_also_after_a_redirect() {
    let server = Server::start(|number, stream| {
        let answer = if number == 0 { redirect("/there") } else { ok(b"7", "") };
        say(stream, &answer);
    });
    assert_eq!(read(&with_user(&server.url("/"))), Ok(7.0));
    let heads = server.heads();
    assert!(is_told(&heads[0]) && is_told(&heads[1]), "{heads:?}");
}

#[test]
fn another_server_is_not_told() {
    let there = Server::page("7");
    let here = Server::bytes(redirect(&there.url("/x?mine=1")));
    assert_eq!(read(&with_user(&here.url("/?key=0815"))), Ok(7.0));
    assert!(is_told(&here.heads()[0]));
    let head = &there.heads()[0];
    assert!(!head.to_lowercase().contains("authorization") && !head.contains("0815"), "{head}");
}

#[test]
fn no_other_server_sees_them() {
    let server = Server::page("warm");
    let spec = with_user(&server.url("/?appid=0815#/a"));
    let source = Registry::standard().open(&spec, &Settings::new()).unwrap();
    let refused = Registry::standard()
        .open(&spec.replace("#/a", "#?"), &Settings::new())
        .err()
        .unwrap()
        .to_string();
    let forbidden = Server::bytes(redirect("ftp://you:hunter@there/?appid=0815"));
    for text in [
        error(&spec),
        source.description(),
        refused,
        error(&with_user(&forbidden.url("/?appid=0815"))),
    ] {
        for secret in ["me:", "hunter", "0815", "you:"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

/// Runs in a separate process, with a proxy in its environment.
#[test]
fn inside_an_environment_with_a_proxy() {
    let Ok(spec) = env::var("GAUGELOG_TEST_PAGE") else { return };
    println!("{:?}", read(&spec));
    println!("{:?}", read_with(&spec, &Settings::new().proxy_from_environment(true)));
}

#[test]
fn a_proxy_of_the_environment_is_used_only_on_request() {
    let (server, proxy) = (Server::page("7"), Server::bytes("HTTP/1.1 502 No\r\n\r\n"));
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "secrets::inside_an_environment_with_a_proxy", "--nocapture"])
        .env("GAUGELOG_TEST_PAGE", server.url("/"))
        .env("http_proxy", proxy.url(""))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("Ok(7.0)"), "{printed}");
    assert!(printed.contains("the proxy or the address cannot be used"), "{printed}");
    assert_eq!((server.heads().len(), proxy.heads().len()), (1, 1));
}
