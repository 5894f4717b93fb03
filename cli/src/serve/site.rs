//! Which address is what.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::http::request::Parts;
use hyper::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use super::access::Access;
use super::answer::{Answer, Refusal};
use super::pool::Pool;
use super::query::Query;
use super::stores::Stores;
use super::{api, metrics};
use crate::ask::stores::Named;
use crate::page;

/// A folder of stores, who may see it, and who computes what is seen.
#[derive(Debug)]
pub(super) struct Site {
    stores: Stores,
    access: Access,
    pool: Pool,
}

impl Site {
    pub(super) fn new(dir: PathBuf, access: Access) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { stores: Stores::new(dir), access, pool: Pool::new()? }))
    }

    pub(super) async fn answer(self: &Arc<Self>, request: Parts) -> Answer {
        if let Err(answer) = self.access.check(&request) {
            return answer;
        }
        self.admitted(&request).await.unwrap_or_else(Answer::from)
    }

    async fn admitted(self: &Arc<Self>, request: &Parts) -> Result<Answer, Refusal> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            let text = format!("{} is not possible; use GET", request.method);
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text);
            return Err(refusal.with(header::ALLOW, "GET, HEAD"));
        }
        if let Some((media_type, text)) = page::file(request.uri.path()) {
            return Ok(Answer::new(media_type, text));
        }
        let place = Place::of(request.uri.path())?;
        let query = Query::parse(request.uri.query())?;
        let site = Arc::clone(self);
        self.pool.answer(move || site.computed(&place, &query)).await
    }

    fn computed(&self, place: &Place, query: &Query) -> Result<Answer, Refusal> {
        match place {
            Place::Metrics => query.only(&[]).map(|()| metrics::metrics(&self.stores.all())),
            Place::Saved => api::saved(&self.stores, query),
            Place::Stores => query.only(&[]).map(|()| api::stores(&self.stores)),
            Place::Store(name, asked) => asked(&self.stores, &self.stores.named(name)?, query),
        }
    }
}

/// What is asked of one store.
type Asked = fn(&Stores, &Named, &Query) -> Result<Answer, Refusal>;

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
