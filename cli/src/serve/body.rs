//! The body of a request, whole in memory.

use std::future::poll_fn;
use std::pin::Pin;

use hyper::body::{Body, Incoming};

use super::answer::Refusal;
use super::remote_read::{REQUEST_BYTES_MAX, too_large};

/// Reads a body to its end.
///
/// # Errors
/// For one that is too long, or breaks off.
pub(super) async fn whole(mut body: Incoming) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| Refusal::bad(format!("the body breaks off: {error}")))?;
        // Trailers are of no interest.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > REQUEST_BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
