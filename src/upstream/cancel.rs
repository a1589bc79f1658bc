//! Cancelling a statement: a connection of its own to the same server, secured the same way, that says one thing.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::connect::Endpoint;
use super::error::UpstreamError;
use crate::wire::backend::BackendKey;
use crate::wire::request;

/// Cancels what its connection runs, if it runs anything. There is no answer: success means that the request was heard.
#[derive(Clone)]
pub struct CancelHandle(Arc<Address>);

struct Address {
    endpoint: Endpoint,
    key: BackendKey,
}

impl CancelHandle {
    pub(super) fn new(endpoint: Endpoint, key: BackendKey) -> Self {
        CancelHandle(Arc::new(Address { endpoint, key }))
    }

    pub fn process_id(&self) -> i32 {
        self.0.key.process_id
    }

    pub async fn cancel(&self, limit: Duration) -> Result<(), UpstreamError> {
        timeout(limit, self.send()).await.map_err(|_| UpstreamError::Timeout)?
    }

    async fn send(&self) -> Result<(), UpstreamError> {
        let Address { endpoint, key } = &*self.0;
        let mut stream = endpoint.open().await?;
        let mut message = BytesMut::new();
        request::cancel_request(&mut message, key.process_id, &key.key)?;
        stream.write_all(&message).await?;
        stream.flush().await?;
        // The server closes once it has signalled the backend: a statement sent after that is not hit by this cancel.
        // It may close without a TLS goodbye, which is an error to TLS and none to us.
        let _ = stream.read(&mut [0; 1]).await;
        Ok(())
    }
}

impl std::fmt::Debug for CancelHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CancelHandle").field("process_id", &self.process_id()).finish_non_exhaustive()
    }
}
