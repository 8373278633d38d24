//! A disk that is full, failing, or cut short.

use std::time::Duration;

use uuid::Uuid;

use crate::child::{Server, say, whole_call, word};

/// The child's part of the full disk.
pub(crate) async fn fill(server: Server, product: Uuid) {
    say("ready");
    word().await;
    whole_call(&server, product, 1, Duration::ZERO).await;
}
