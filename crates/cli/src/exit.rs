use std::process::ExitCode;

/// How a command ended: the exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All that was asked for is done.
    Done,
    /// It failed; what was committed before is kept.
    Failed,
    /// What was typed is wrong; nothing was done.
    Usage,
    /// Some of it is done: the load was stopped, or chunks lack a patch that was skipped.
    Partly,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partly => 3,
        })
    }
}
