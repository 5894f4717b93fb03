//! What a service manager such as systemd is told, where there is one: `sd_notify(3)`.

use sd_notify::NotifyState;

/// All is open, and collecting begins.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Files are read again; [`ready`] says that this is done.
#[cfg(feature = "config")]
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The run is over; what is left to do may take a moment.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("$NOTIFY_SOCKET: the service manager cannot be told: {error}");
    }
}
