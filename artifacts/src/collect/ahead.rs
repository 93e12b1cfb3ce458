//! Reads several parts at once and hands out their contents in order.

use super::parts::{Parts, Use};
use super::shape::about;
use crate::digest::copy;
use crate::error::{Context, Error};
use crate::pipe::{PipeReader, pipe};
use lighter_api::Part;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Most of the time is waiting for a store.
pub(super) const AT_ONCE: usize = 8;

/// Calls with each part's only file, unpacked, in order. Errors say which part they are about.
///
/// The threads take parts in turn. Each is at most two parts ahead, of which it holds at most half a megabyte each.
pub(super) fn each(source: &dyn Parts, parts: &[Part], using: &mut Use<'_>) -> Result<(), Error> {
    let threads = AT_ONCE.min(parts.len());
    std::thread::scope(|scope| {
        let mut readers = Vec::new();
        for first in 0..threads {
            let (sender, receiver) = sync_channel(1);
            let mine = parts.iter().skip(first).step_by(threads);
            std::thread::Builder::new()
                .name("collect".into())
                .spawn_scoped(scope, move || fetch(source, mine, &sender))
                .map_err(|error| Error::io("start a thread for collecting", error))?;
            readers.push(receiver);
        }
        parts.iter().zip((0..threads).cycle()).try_for_each(|(part, thread)| {
            let reader = readers.get(thread).and_then(|receiver| receiver.recv().ok());
            use_up(reader, using).map_err(|error| about(part, error))
        })
    })
}

fn use_up(reader: Option<PipeReader>, using: &mut Use<'_>) -> Result<(), Error> {
    let mut reader = reader.ok_or_else(|| {
        Error::new(Error::Io, "read it", "the thread that fetches it ended early")
    })?;
    using(&mut reader)?;
    // To the end, where a digest is looked at.
    copy(&mut reader, &mut std::io::sink()).doing(|| "read it").map(|_| ())
}

/// Ends early when nobody wants the next part.
fn fetch<'a>(
    source: &dyn Parts,
    parts: impl Iterator<Item = &'a Part>,
    sender: &SyncSender<PipeReader>,
) {
    for part in parts {
        let (mut writer, reader) = pipe();
        if sender.send(reader).is_err() {
            return;
        }
        let read = source.read(part, &mut |content| writer.fill(content).doing(|| "read it"));
        writer.finish(read.map_err(Error::into_io));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    /// A store that answers nobody until several ask at once.
    struct Slow {
        asking: Mutex<usize>,
        several: Condvar,
        begun: AtomicUsize,
    }

    impl Parts for Slow {
        fn load(&self, _: &Part, _: &Target) -> Result<(), Error> {
            unreachable!()
        }

        fn read(&self, part: &Part, using: &mut Use<'_>) -> Result<(), Error> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let mut asking = self.asking.lock().unwrap();
            *asking += 1;
            self.several.notify_all();
            drop(self.several.wait_while(asking, |asking| *asking < AT_ONCE).unwrap());
            if part.key == "gone" {
                return Err(Error::new(Error::Corrupt, "read key `gone`", "it was deleted"));
            }
            // Some parts are larger than what is read ahead.
            let size = if part.index % 50 == 7 { 3_000_000 } else { 10 };
            using(&mut format!("{}{}", " ".repeat(size), part.index).as_bytes())
        }
    }

    fn parts(count: u64) -> Vec<Part> {
        (0..count).map(|index| Part { index, ..Part::default() }).collect()
    }

    fn slow() -> Slow {
        Slow { asking: Mutex::new(0), several: Condvar::new(), begun: AtomicUsize::new(0) }
    }

    #[test]
    fn several_at_once_in_order_and_not_far_ahead() {
        let slow = slow();
        let mut used = 0;
        each(&slow, &parts(1000), &mut |content| {
            let mut text = String::new();
            content.read_to_string(&mut text).unwrap();
            assert_eq!(text.trim(), used.to_string());
            used += 1;
            let ahead = slow.begun.load(Ordering::SeqCst) - used;
            assert!(ahead <= 2 * AT_ONCE, "{ahead} parts ahead");
            Ok(())
        })
        .unwrap();
        assert_eq!(used, 1000);
    }

    #[test]
    fn the_first_error_in_order_ends_it() {
        let mut parts = parts(1000);
        for place in [100, 102] {
            parts[place].key = "gone".into();
        }
        let mut used = 0;
        let ended = each(&slow(), &parts, &mut |_| {
            used += 1;
            Ok(())
        });
        let text = ended.unwrap_err().to_string();
        assert!(
            text.starts_with("cannot collect part 100 ") && text.ends_with("it was deleted"),
            "{text}"
        );
        assert!(used <= 101, "{used}");
        // The others may end before they ask at all.
        let prompt = Slow { asking: Mutex::new(AT_ONCE), ..slow() };
        let ended = each(&prompt, &parts, &mut |_| Err(Error::new(Error::Io, "write it", "full")));
        assert!(ended.unwrap_err().to_string().contains("part 0 "));
    }
}
