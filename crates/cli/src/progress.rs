//! What is seen while a load runs: a bar on a terminal, else lines with growing intervals.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use eocube::{Event, PatchId, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{printer::Printer, units};

/// The first line without a terminal comes after so long, and each further one after twice as long, up to the longest.
const FIRST_LINE: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(120);
/// In a long run so many patches are named as they fail, from here on; all are named at the end.
const NAMED_AT_ONCE: usize = 3;
const LONG: Duration = Duration::from_secs(10);

/// Shows the events of a load.
pub(crate) struct Reporter {
    printer: Printer,
    bar: Option<ProgressBar>,
    searching: AtomicU64,
    found: AtomicU64,
    planned: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    committed: AtomicU64,
    lines: Mutex<Lines>,
}

/// When the next line is due, and which patches have been named.
struct Lines {
    started: Instant,
    next: Duration,
    named: Vec<PatchId>,
}

impl Reporter {
    pub(crate) fn new(printer: &Printer) -> Self {
        let bar = printer.draws().then(|| {
            let bar = ProgressBar::no_length().with_style(spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            printer: printer.clone(),
            bar,
            searching: AtomicU64::new(0),
            found: AtomicU64::new(0),
            planned: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            lines: Mutex::new(Lines { started: Instant::now(), next: FIRST_LINE, named: Vec::new() }),
        }
    }

    /// Removes the bar, so that what follows is read alone.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn speak(&self, text: impl fmt::Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.printer.warn(text)),
            None => self.printer.warn(text),
        }
    }

    fn name(&self, patch: PatchId, reason: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.started.elapsed() < LONG || lines.named.len() >= NAMED_AT_ONCE || lines.named.contains(&patch) {
            return;
        }
        let text = format!("{patch} could not be read: {reason}");
        lines.named.push(patch);
        drop(lines);
        self.speak(text);
    }

    fn draw(&self, bar: &ProgressBar) {
        let (planned, done) = (self.planned.load(Ordering::Relaxed), self.done.load(Ordering::Relaxed));
        if planned == 0 {
            bar.set_message(self.state());
            return;
        }
        if bar.length().is_none() {
            bar.set_style(style());
        }
        bar.set_length(planned);
        bar.set_position(done);
        bar.set_message(match self.failed.load(Ordering::Relaxed) {
            0 => String::new(),
            n => format!(", {n} failed"),
        });
    }

    fn line(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = lines.started.elapsed();
        if passed >= lines.next {
            lines.next = passed + passed.min(LONGEST);
            drop(lines);
            self.printer.line(format_args!("{} after {}", self.state(), units::duration(passed)));
        }
    }

    fn state(&self) -> String {
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        match (get(&self.planned), get(&self.searching)) {
            (0, 0) => "starting".to_owned(),
            (0, _) => format!("searching, {} found", units::several(get(&self.found), "patch")),
            (planned, _) => {
                let failed = match get(&self.failed) {
                    0 => String::new(),
                    n => format!(", {} failed", units::count(n)),
                };
                format!(
                    "{} of {} chunks ready, {} committed{failed}",
                    units::count(get(&self.done)),
                    units::count(planned),
                    units::count(get(&self.committed))
                )
            }
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

impl Progress for Reporter {
    fn on(&self, event: Event) {
        match event {
            Event::Searching => {
                self.searching.fetch_add(1, Ordering::Relaxed);
            }
            Event::Found(n) => {
                self.found.fetch_max(n as u64, Ordering::Relaxed);
            }
            Event::Planned { units } => {
                self.planned.fetch_add(units as u64, Ordering::Relaxed);
            }
            Event::UnitDone => {
                self.done.fetch_add(1, Ordering::Relaxed);
            }
            Event::UnitFailed { patch, reason } => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.name(patch, &reason);
            }
            Event::Committed { units } => {
                self.committed.fetch_add(units as u64, Ordering::Relaxed);
            }
        }
        match &self.bar {
            Some(bar) => self.draw(bar),
            None if self.printer.is_quiet() => {}
            None => self.line(),
        }
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} [{elapsed}]").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn style() -> ProgressStyle {
    let template = "{wide_bar} {human_pos} of {human_len} chunks{msg} [{elapsed}, {eta} left]";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
