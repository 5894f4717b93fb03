//! What a service manager such as systemd is told, where there is one: `sd_notify(3)`.

use sd_notify::NotifyState;

/// All is open, and collecting begins.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
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
