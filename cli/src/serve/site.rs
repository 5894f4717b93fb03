//! Which address is what.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use super::access::Access;
use super::answer::{Answer, Refusal};
use super::pool::{Pool, Unwanted};
use super::query::Query;
use super::stores::{Reader, Stores};
use super::{api, body, metrics, remote_read};
use crate::ask::stores::Named;
use crate::page;
use crate::prometheus::names::Naming;

/// Where Prometheus reads stores: the one address that takes a body.
const REMOTE_READ: &str = "/api/v1/read";
/// Where vmctl looks whether there is a server that it can read.
const HEALTHY: &str = "/-/healthy";

/// A folder of stores, who may see it, and who computes what is seen.
#[derive(Debug)]
pub(super) struct Site {
    stores: Stores,
    naming: Naming,
    access: Access,
    pool: Pool,
}

impl Site {
    pub(super) fn new(dir: PathBuf, naming: Naming, access: Access) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { stores: Stores::new(dir), naming, access, pool: Pool::new()? }))
    }

    /// Gives back what is kept of requests that were long ago.
    pub(super) fn forget_old(&self) {
        self.stores.forget_old();
    }

    /// Calls `has_arrived` when the body that a request should have is there.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Parts,
        body: Incoming,
        has_arrived: impl FnOnce(),
    ) -> Answer {
        if let Err(answer) = self.access.check(&request) {
            return answer;
        }
        self.admitted(&request, body, has_arrived).await.unwrap_or_else(Answer::from)
    }

    async fn admitted(
        self: &Arc<Self>,
        request: &Parts,
        body: Incoming,
        has_arrived: impl FnOnce(),
    ) -> Result<Answer, Refusal> {
        let path = request.uri.path();
        check_method(&request.method, path)?;
        if path == HEALTHY {
            return Ok(Answer::new("text/plain; charset=utf-8", "gaugelog serves\n"));
        }
        if let Some((media_type, text)) = page::file(path) {
            return Ok(Answer::new(media_type, text));
        }
        let query = Query::parse(request.uri.query())?;
        let site = Arc::clone(self);
        if path == REMOTE_READ {
            query.only(&[])?;
            remote_read::check_media_type(&request.headers)?;
            let body = body::whole(body).await?;
            has_arrived();
            let work = move |unwanted| {
                remote_read::read(&site.stores.reader(unwanted), &site.naming, &body)
            };
            return self.pool.answer(work).await;
        }
        let place = Place::of(path)?;
        self.pool.answer(move |unwanted| site.computed(&place, &query, unwanted)).await
    }

    fn computed(
        &self,
        place: &Place,
        query: &Query,
        unwanted: Unwanted,
    ) -> Result<Answer, Refusal> {
        let reader = self.stores.reader(unwanted);
        match place {
            Place::Metrics => query.only(&[]).and_then(|()| metrics::metrics(&reader)),
            Place::Saved => api::saved(&reader, query),
            Place::Stores => query.only(&[]).and_then(|()| api::stores(&reader)),
            Place::Store(name, asked) => asked(&reader, &reader.named(name)?, query),
        }
    }
}

/// Refuses what an address does not do.
fn check_method(method: &Method, path: &str) -> Result<(), Refusal> {
    let (is_possible, possible) = match path {
        REMOTE_READ => (method == Method::POST, "POST"),
        _ => (matches!(*method, Method::GET | Method::HEAD), "GET, HEAD"),
    };
    if is_possible {
        return Ok(());
    }
    let text = format!("{method} is not possible here; use {possible}");
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text);
    Err(refusal.with(header::ALLOW, possible))
}

/// What is asked of one store.
type Asked = fn(&Reader<'_>, &Named, &Query) -> Result<Answer, Refusal>;

/// An address whose answer is computed.
enum Place {
    Metrics,
    Saved,
    Stores,
    Store(String, Asked),
}

impl Place {
    fn of(path: &str) -> Result<Self, Refusal> {
        let nothing = || {
            let text = format!("there is nothing at {path}; docs/serving.md lists what there is");
            Refusal::new(StatusCode::NOT_FOUND, text)
        };
        match path {
            "/metrics" => return Ok(Self::Metrics),
            "/saved.html" => return Ok(Self::Saved),
            _ => {}
        }
        let parts: Vec<&str> =
            path.strip_prefix("/api/v1/").ok_or_else(nothing)?.split('/').collect();
        let (name, asked): (_, Asked) = match *parts {
            ["stores"] => return Ok(Self::Stores),
            ["stores", name] => (name, api::store),
            ["stores", name, "stats"] => (name, api::stats),
            ["stores", name, "buckets"] => (name, api::buckets),
            ["stores", name, "columns"] => (name, api::columns),
            ["stores", name, "values"] => (name, api::values),
            _ => return Err(nothing()),
        };
        let name = percent_decode_str(name).decode_utf8().map_err(|_| nothing())?;
        Ok(Self::Store(name.into_owned(), asked))
    }
}
