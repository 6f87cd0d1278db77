//! Progress while a rehearsal runs: bars on a terminal, lines if requested, else nothing.
//!
//! It is written to standard error, so that standard output contains only the report.

mod event;

pub use event::{Change, Event, Listener};

use flowcontrol_base::clock;
use flowcontrol_base::text::layout::{count, counted, seconds};
use flowcontrol_base::text::one_line;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A handle to the progress output; clones share it.
#[derive(Clone, Default)]
pub struct Progress {
    sink: Sink,
}

#[derive(Clone, Default)]
enum Sink {
    #[default]
    Off,
    Bars(MultiProgress),
    Lines(Arc<Mutex<Box<dyn Write + Send>>>),
    Events(Listener),
}

impl Progress {
    /// Nothing is drawn and nothing is counted.
    pub fn off() -> Self {
        Self::default()
    }

    /// Bars when standard error is a `terminal`, unless `no_progress`; otherwise lines for each
    /// step when `verbose`, else nothing.
    pub fn choose(terminal: bool, no_progress: bool, verbose: bool) -> Self {
        if terminal && !no_progress {
            Self::bars(ProgressDrawTarget::stderr())
        } else if verbose {
            Self::lines(io::stderr())
        } else {
            Self::off()
        }
    }

    /// Bars on `target`.
    pub fn bars(target: ProgressDrawTarget) -> Self {
        Self { sink: Sink::Bars(MultiProgress::with_draw_target(target)) }
    }

    /// One line when a step begins and one when it ends, on `out`.
    pub fn lines(out: impl Write + Send + 'static) -> Self {
        Self { sink: Sink::Lines(Arc::new(Mutex::new(Box::new(out)))) }
    }

    /// Calls `listener` for every change of every step.
    pub fn events(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self { sink: Sink::Events(Arc::new(listener)) }
    }

    /// Begins a step; `total` is how many units of work it has, when that is known.
    pub fn step(&self, name: &str, total: Option<u64>) -> Step {
        let name = one_line(name);
        let show = match &self.sink {
            Sink::Off => Show::Off,
            Sink::Bars(all) => Show::Bar(begin_bar(all, &name, total)),
            Sink::Lines(out) => {
                say(out, &format!("{name}: begun"));
                Show::Line(Arc::clone(out))
            }
            Sink::Events(listener) => {
                listener(Event { step: name.clone(), change: Change::Begun(total) });
                Show::Told(Arc::clone(listener))
            }
        };
        Step { show, name, began: clock::instant(), open: true }
    }

    /// Hides the bars while `print` runs.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.sink {
            Sink::Bars(all) => all.suspend(print),
            Sink::Off | Sink::Lines(_) | Sink::Events(_) => print(),
        }
    }

    /// Removes every bar from the screen, before the report is printed.
    pub fn clear(&self) {
        if let Sink::Bars(all) = &self.sink {
            // A terminal that cannot be cleared is no reason to fail a rehearsal.
            drop(all.clear());
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.sink {
            Sink::Off => "Progress(off)",
            Sink::Bars(_) => "Progress(bars)",
            Sink::Lines(_) => "Progress(lines)",
            Sink::Events(_) => "Progress(events)",
        })
    }
}

/// A running step. If it is dropped without [`Step::done`] or [`Step::fail`], it ends as stopped.
pub struct Step {
    show: Show,
    name: String,
    began: Instant,
    open: bool,
}

enum Show {
    Off,
    Bar(ProgressBar),
    Line(Arc<Mutex<Box<dyn Write + Send>>>),
    Told(Listener),
}

impl Step {
    fn tell(&self, change: Change) {
        if let Show::Told(listener) = &self.show {
            listener(Event { step: self.name.clone(), change });
        }
    }

    /// `n` more units of work are done.
    pub fn inc(&self, n: u64) {
        if let Show::Bar(bar) = &self.show {
            bar.inc(n);
        }
        self.tell(Change::More(n));
    }

    /// `n` units were done by an earlier run; they count for the bar but not for the rate.
    pub fn already(&self, n: u64) {
        if let Show::Bar(bar) = &self.show {
            bar.set_position(n);
            bar.reset_eta();
        }
        self.tell(Change::Already(n));
    }

    /// How many units of work there are, once that is known.
    pub fn total(&self, total: u64) {
        if let Show::Bar(bar) = &self.show {
            bar.set_length(total);
            bar.set_style(counting());
        }
        self.tell(Change::Total(total));
    }

    /// Shows a message about what the step is doing.
    pub fn message(&self, text: &str) {
        if let Show::Bar(bar) = &self.show {
            bar.set_message(one_line(text));
        }
        self.tell(Change::At(one_line(text)));
    }

    /// The step succeeded; `text` is its result.
    pub fn done(self, text: &str) {
        self.end("ok", text);
    }

    /// The step failed; `text` is the reason.
    pub fn fail(self, text: &str) {
        self.end("FAIL", text);
    }

    fn end(mut self, mark: &str, text: &str) {
        self.close(mark, text);
    }

    fn close(&mut self, mark: &str, text: &str) {
        self.open = false;
        let elapsed = self.began.elapsed().as_secs_f64();
        let took = seconds(elapsed);
        let gap = if text.is_empty() { "" } else { ", " };
        let text = one_line(text);
        match &self.show {
            Show::Off => {}
            Show::Bar(bar) => {
                bar.set_style(ended());
                bar.set_prefix(self.name.clone());
                bar.finish_with_message(format!("{mark}, {took}{gap}{text}"));
            }
            Show::Line(out) => say(out, &format!("{}: {mark}, {took}{gap}{text}", self.name)),
            Show::Told(_) => self.tell(Change::Ended { well: mark == "ok", seconds: elapsed }),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.open {
            self.close("stopped", "");
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step({})", self.name)
    }
}

fn begin_bar(all: &MultiProgress, name: &str, total: Option<u64>) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total).with_style(counting()),
        None => ProgressBar::new_spinner().with_style(spinning()),
    };
    let bar = all.add(bar.with_prefix(name.to_owned()));
    // The spinner turns while the amount of work is unknown.
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

const COUNTING: &str =
    "{prefix:<10} [{bar:30}] {human_pos}/{human_len}  {rate} a second, {eta} left  {wide_msg}";
const SPINNING: &str = "{prefix:<10} {spinner} {elapsed}  {wide_msg}";
const ENDED: &str = "{prefix:<10} {wide_msg}";

/// `replay  [=====>     ] 12,000/200,000  31,412 a second, 6s left`.
fn counting() -> ProgressStyle {
    style(COUNTING).progress_chars("=> ").with_key("rate", rate)
}

/// Whole units: indicatif's own rate has four decimals.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people; `as` saturates"
)]
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // A closed terminal is no reason to fail a rehearsal.
    let _ = out.write_str(&count(state.per_sec() as u64));
}

fn spinning() -> ProgressStyle {
    style(SPINNING).tick_chars("-\\|/ ")
}

fn ended() -> ProgressStyle {
    style(ENDED)
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are constants that a test parses; the default is for the compiler.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A closed standard error is no reason to fail a rehearsal.
fn say(out: &Mutex<Box<dyn Write + Send>>, line: &str) {
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// `12,345 records`, for a step's result.
pub fn records(n: u64) -> String {
    counted(n, "record", "records")
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use indicatif::{ProgressDrawTarget, ProgressStyle, TermLike};
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default, Debug)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.clone().write_all(text.as_bytes())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn assert_shared<T: Clone + Send + Sync + 'static>() {}

    #[test]
    fn a_handle_can_go_anywhere() {
        assert_shared::<Progress>();
    }

    #[test]
    fn lines_say_how_each_step_ended() {
        let screen = Screen::default();
        let progress = Progress::lines(screen.clone());
        progress.step("freeze", None).done("3 records");
        progress.step("replay", Some(10)).fail("the server\nwent away");
        drop(progress.step("verify", Some(10)));
        let text = screen.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(lines[1].starts_with("freeze: ok, ") && lines[1].ends_with(", 3 records"));
        assert!(lines[3].ends_with(", the server\\nwent away"), "{text}");
        assert!(lines[5].starts_with("verify: stopped, "), "{text}");
    }

    #[test]
    fn bars_show_the_count_the_rate_and_the_time_left() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let progress = Progress::bars(target);
        let step = progress.step("replay", Some(20_000));
        step.inc(5_000);
        step.message("orders");
        step.done("20,000 records");
        let text = screen.text();
        assert!(text.contains("/20,000"), "{text}");
        assert!(text.contains(" a second, ") && text.contains(" left"), "{text}");
        assert!(text.contains("ok, "), "{text}");
        assert!(text.contains(", 20,000 records"), "{text}");
    }

    #[test]
    fn the_choice_is_quiet_unless_asked() {
        assert_eq!(format!("{:?}", Progress::choose(false, false, false)), "Progress(off)");
        assert_eq!(format!("{:?}", Progress::choose(true, true, false)), "Progress(off)");
        assert_eq!(format!("{:?}", Progress::choose(false, false, true)), "Progress(lines)");
        assert_eq!(format!("{:?}", Progress::choose(true, false, true)), "Progress(bars)");
        let off = Progress::off().step("replay", Some(1));
        off.inc(1);
        off.message("x");
        off.done("");
    }

    #[test]
    fn the_templates_parse() {
        for template in [super::COUNTING, super::SPINNING, super::ENDED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
