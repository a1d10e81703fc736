//! The two ends of a connection that hyper does not offer: bodies that end wrongly, and sockets that are reset instead of closed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Long enough for what was sent to leave the socket before the connection is broken.
const FLUSH: Duration = Duration::from_millis(30);
/// Bytes handed to the connection at once.
const PIECE: usize = 256 * 1024;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    Close,
    Reset,
    Stall,
}

/// Body of an answer.
pub(super) struct Reply {
    bytes: Bytes,
    ending: Ending,
    abort: Arc<AtomicBool>,
    flush: Option<Pin<Box<Sleep>>>,
}

impl Reply {
    pub(super) fn new(bytes: Bytes, ending: Ending, abort: Arc<AtomicBool>) -> Self {
        Self { bytes, ending, abort, flush: None }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.bytes.is_empty() {
            let piece = self.bytes.len().min(PIECE);
            let data = self.bytes.split_to(piece);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.ending {
            Ending::Complete => Poll::Ready(None),
            Ending::Stall => Poll::Pending,
            Ending::Close | Ending::Reset => {
                let flush = self.flush.get_or_insert_with(|| Box::pin(tokio::time::sleep(FLUSH)));
                std::task::ready!(flush.as_mut().poll(context));
                self.abort.store(self.ending == Ending::Reset, Ordering::SeqCst);
                Poll::Ready(Some(Err(io::Error::other("a planned fault"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.ending == Ending::Complete
    }
}

/// A connection that is reset when it is dropped with the flag set.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    pub(super) abort: Arc<AtomicBool>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.abort.load(Ordering::SeqCst) {
            // A socket that cannot be set so is closed in order: the client still sees too few bytes.
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
