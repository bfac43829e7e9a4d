//! Connections that are closed only when the client has read everything.
//!
//! A socket that is closed while bytes from the client lie unread in it is reset, and a reset throws away what
//! was written and not yet received: the last answers of a drain. HTTP/2 clients send such bytes all the time
//! (window updates, pings). So the end first says that nothing more will come, then reads on until the client
//! closes its side, or for as long as it is given.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tonic::transport::server::Connected;

/// A connection whose shutdown waits for the client's.
#[derive(Debug)]
pub(crate) struct Lingering<S> {
    inner: S,
    patience: Duration,
    /// Set when our side is closed: until when the client's side is awaited.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    /// `patience` is how long the client may take to read the end and close.
    pub(crate) fn new(inner: S, patience: Duration) -> Self {
        Self { inner, patience, deadline: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { inner, patience, deadline } = self.get_mut();
        let deadline = match deadline {
            Some(deadline) => deadline,
            None => {
                ready!(Pin::new(&mut *inner).poll_shutdown(context))?;
                deadline.insert(Box::pin(tokio::time::sleep(*patience)))
            }
        };
        let mut unread = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut unread);
            match Pin::new(&mut *inner).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {}
                // A client that is gone has nothing left to lose.
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => return deadline.as_mut().poll(context).map(Ok),
            }
        }
    }
}

impl<S: Connected> Connected for Lingering<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.inner.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Both ends of one connection: ours, the client's.
    async fn pair(patience: Duration) -> (Lingering<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Lingering::new(listener.accept().await.unwrap().0, patience), client)
    }

    #[tokio::test]
    async fn what_was_written_arrives_although_the_client_wrote_on() {
        let (mut server, mut client) = pair(Duration::from_secs(60)).await;
        // More than the socket's buffers hold, so that some of it waits when the end is asked for.
        let answer = vec![7; 8 << 20];
        let length = answer.len();
        let serving = tokio::spawn(async move {
            server.write_all(&answer).await.unwrap();
            server.shutdown().await.unwrap();
        });
        let mut received = 0;
        let mut part = vec![0; 1 << 16];
        loop {
            // Nobody reads these any more.
            client.write_all(&[1; 64]).await.unwrap();
            match client.read(&mut part).await.unwrap() {
                0 => break,
                count => received += count,
            }
        }
        drop(client);
        serving.await.unwrap();
        assert_eq!(received, length);
    }

    #[tokio::test]
    async fn a_client_that_never_closes_is_not_awaited_for_ever() {
        let patience = Duration::from_millis(50);
        let (mut server, client) = pair(patience).await;
        let begun = tokio::time::Instant::now();
        server.shutdown().await.unwrap();
        assert!(begun.elapsed() >= patience);
        drop(client);
    }
}
