//! What is seen while granules are read and references are written.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use eocube::{VirtualEvent, VirtualProgress};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{printer::Printer, units};

/// The first line without a terminal comes after so long, and each further one after twice as long, up to the longest.
const FIRST_LINE: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(120);

/// Shows the events of `cube virtualize`: a bar on a terminal, else lines with growing intervals.
#[derive(Debug)]
pub(crate) struct Reporter {
    printer: Printer,
    bar: Option<ProgressBar>,
    started: Instant,
    next: Mutex<Duration>,
    found: AtomicU64,
    read: AtomicU64,
    failed: AtomicU64,
    references: AtomicU64,
}

impl Reporter {
    pub(crate) fn new(printer: &Printer) -> Self {
        let bar = printer.draws().then(|| {
            let bar = ProgressBar::no_length().with_style(style("{spinner} {msg} [{elapsed}]"));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            printer: printer.clone(),
            bar,
            started: Instant::now(),
            next: Mutex::new(FIRST_LINE),
            found: AtomicU64::new(0),
            read: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            references: AtomicU64::new(0),
        }
    }

    /// Removes the bar, so that what follows is read alone.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn draw(&self, bar: &ProgressBar, event: VirtualEvent) {
        match event {
            VirtualEvent::Found(n) => {
                bar.set_style(style("{wide_bar} {human_pos} of {human_len} granules{msg} [{elapsed}, {eta} left]"));
                bar.set_length(n as u64);
            }
            VirtualEvent::Read => bar.inc(1),
            VirtualEvent::Failed => {
                bar.inc(1);
                bar.set_message(format!(", {} failed", self.failed.load(Ordering::Relaxed)));
            }
            VirtualEvent::Writing(_) => {
                bar.set_style(style("{spinner} {msg} [{elapsed}]"));
                bar.set_message(self.state());
            }
        }
    }

    fn line(&self) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = self.started.elapsed();
        if passed >= *next {
            *next = passed + passed.min(LONGEST);
            drop(next);
            self.printer.line(format_args!("{} after {}", self.state(), units::duration(passed)));
        }
    }

    fn state(&self) -> String {
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        match get(&self.references) {
            0 => format!("{} of {} granules read", units::count(get(&self.read)), units::count(get(&self.found))),
            n => format!("writing {}", units::several(n, "reference")),
        }
    }
}

impl VirtualProgress for Reporter {
    fn on(&self, event: VirtualEvent) {
        match event {
            VirtualEvent::Found(n) => self.found.store(n as u64, Ordering::Relaxed),
            VirtualEvent::Read => drop(self.read.fetch_add(1, Ordering::Relaxed)),
            VirtualEvent::Failed => drop(self.failed.fetch_add(1, Ordering::Relaxed)),
            VirtualEvent::Writing(n) => self.references.store(n as u64, Ordering::Relaxed),
        }
        match &self.bar {
            Some(bar) => self.draw(bar, event),
            None if self.printer.is_quiet() => {}
            None => self.line(),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
