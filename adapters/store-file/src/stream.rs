//! Streams batches that a thread of their own reads ahead of the consumer.

use flowcontrol_contract::store::Batches;
use flowcontrol_contract::{Error, ErrorKind, Record, Result};
use futures::StreamExt as _;
use tokio::sync::mpsc;

/// Most batches that wait for the consumer.
const AHEAD: usize = 2;

enum Message {
    Batch(Vec<Record>),
    Failed(Error),
    /// Sent by a reader that has finished; without it the stream has failed.
    End,
}

/// Where a reader sends its batches.
pub(crate) struct BatchSender(mpsc::Sender<Message>);

impl BatchSender {
    /// Sends a batch; false when the consumer has stopped.
    pub(crate) fn send(&self, batch: Vec<Record>) -> bool {
        self.0.blocking_send(Message::Batch(batch)).is_ok()
    }
}

/// The stream of what `read` sends; it runs on a blocking thread.
pub(crate) fn stream(read: impl FnOnce(&BatchSender) -> Result<()> + Send + 'static) -> Batches {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let sender = BatchSender(sender);
        let last = match read(&sender) {
            Ok(()) => Message::End,
            Err(e) => Message::Failed(e),
        };
        // An error means that the consumer has stopped.
        let _ = sender.0.blocking_send(last);
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
