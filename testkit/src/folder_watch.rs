//! What happens in a folder, as the kernel tells it: whether a name that was put there was made
//! durable.

#[cfg(target_os = "linux")]
pub use inotify::FolderWatch;

#[cfg(target_os = "linux")]
mod inotify {
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    /// Sees names come and go in one folder, and openings of the folder itself, from its creation on.
    #[derive(Debug)]
    pub struct FolderWatch(OwnedFd);

    impl FolderWatch {
        /// Watches `folder`.
        ///
        /// # Panics
        /// When the kernel gives no watch.
        pub fn new(folder: &Path) -> Self {
            let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
            let names = WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO;
            inotify::add_watch(&fd, folder, names | WatchFlags::OPEN).unwrap();
            Self(fd)
        }

        /// Whether `name` came or went, and the folder was opened after the last such change. No
        /// program hears of a sync; but the folder must be opened for it, and nothing else opens it
        /// in a test that only writes.
        pub fn synced_after(&self, name: &str) -> bool {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = inotify::Reader::new(&self.0, &mut buffer);
            let (mut changed, mut synced) = (false, false);
            while let Ok(event) = events.next() {
                let opened = event.events().contains(ReadFlags::OPEN);
                match event.file_name() {
                    Some(named) if !opened && named.to_bytes() == name.as_bytes() => {
                        (changed, synced) = (true, false);
                    }
                    None if opened => synced = true,
                    _ => {}
                }
            }
            changed && synced
        }
    }
}
