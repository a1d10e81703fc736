use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ChunkIndex, PatchIndex, TimeValue};

/// Version of the serialised form of [`Task`]; a worker refuses another.
pub const TASK_VERSION: u32 = 1;

/// What a request needs and what is missing: pure data, no handles, no secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The tasks, in the order of group, step, row, column.
    pub tasks: Vec<Task>,
}

/// The part of a plan that one worker carries out: neighbouring storage units of one group and one time unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// [`TASK_VERSION`].
    pub version: u32,
    /// Name of the group.
    pub group: String,
    /// The steps of the time unit (one unless the axis is declared with longer chunks); `[0]` for a cube without time.
    pub steps: Vec<TimeValue>,
    /// Names of the variables.
    pub bands: Vec<String>,
    /// Every patch that a unit of the task names, each once.
    pub patches: Vec<Arc<PatchIndex>>,
    /// What is to be written.
    pub units: Vec<Unit>,
}

/// One storage unit of a task: where it lies and what goes into it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Row and column of the unit.
    pub at: ChunkIndex,
    /// For each step of the task the patches that touch the unit, as indices into [`Task::patches`], in mosaic order.
    pub patches: Vec<Vec<u32>>,
    /// For each variable of the task (same order) whether it is to be written.
    pub bands: Vec<bool>,
    /// Fingerprint of the patches and their versions, in order.
    pub fingerprint: u64,
}
