//! Batches read by a thread of their own, a few ahead of their consumer.

use flowcontrol_contract::store::Batches;
use flowcontrol_contract::{Error, ErrorKind, Record, Result};
use futures::StreamExt as _;
use tokio::sync::mpsc;

/// How many batches may wait for the consumer.
const AHEAD: usize = 2;

enum Message {
    Batch(Vec<Record>),
    Failed(Error),
    /// Said by a reader that came to its end; silence means that it did not.
    End,
}

/// Where a reader puts its batches.
pub(crate) struct Outlet(mpsc::Sender<Message>);

impl Outlet {
    /// Hands a batch over; false when nobody wants more.
    pub(crate) fn give(&self, batch: Vec<Record>) -> bool {
        self.0.blocking_send(Message::Batch(batch)).is_ok()
    }
}

/// The stream of what `read` gives out; it runs where it may block.
pub(crate) fn stream(read: impl FnOnce(&Outlet) -> Result<()> + Send + 'static) -> Batches {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let outlet = Outlet(sender);
        let last = match read(&outlet) {
            Ok(()) => Message::End,
            Err(e) => Message::Failed(e),
        };
        // An error means that the consumer has left.
        let _ = outlet.0.blocking_send(last);
    });
    futures::stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Message::Batch(batch)) => Some((Ok(batch), Some(receiver))),
            Some(Message::Failed(error)) => Some((Err(error), None)),
            Some(Message::End) => None,
            None => {
                let error =
                    Error::new(ErrorKind::Unexpected, "the reader of the log stopped early")
                        .hint("this is a defect of FlowControl; please report it");
                Some((Err(error), None))
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::stream;
    use flowcontrol_contract::ErrorKind;
    use futures::StreamExt as _;

    #[tokio::test]
    async fn a_reader_that_dies_does_not_look_like_an_end() {
        assert!(stream(|_| Ok(())).next().await.is_none());
        let mut broken = stream(|_| panic!("planned"));
        assert_eq!(broken.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unexpected);
        assert!(broken.next().await.is_none());
    }
}
