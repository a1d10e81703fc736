//! Which units are missing, and which patches go into each.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cube_backend::newest_by;
use cube_core::{ChunkGrid, ChunkIndex, ChunkSet, GroupLayout, Layout, PatchIndex, Plan, TASK_VERSION, Task, TimeStep, TimeValue, Toi, Unit, Window};
use cube_store::{Cube, LedgerBlock, PatchFilter, Snapshot, State};
use serde::Serialize;

use crate::{
    Context, Request, Result,
    footprint::Locator,
    native,
    region::Region,
    request::Wanted,
    search::{self, Searcher},
};

/// What a request would read and write.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// The tasks.
    pub plan: Plan,
    /// In numbers.
    pub summary: Preview,
}

/// A plan in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Preview {
    /// Storage units (of one variable and one time unit) that the request touches.
    pub units_touched: usize,
    /// Of these, to be written.
    pub units_missing: usize,
    /// Pixels (of one variable and one step) in the units that the request touches.
    pub pixels_in_units: usize,
    /// Steps of the time axis.
    pub steps: Vec<String>,
    /// Source patches to be read.
    pub patches: usize,
    /// Source files to be read.
    pub files: usize,
    /// Bytes to be encoded.
    pub bytes: usize,
    /// Searches that the catalogue is asked.
    pub searches: usize,
    /// The periods after widening to whole steps, where that adds something.
    pub periods: Vec<String>,
}

/// Plans part of a request: the steps of a period and the units of a group.
pub(crate) struct Planner<'a> {
    pub layout: &'a Layout,
    pub snapshot: &'a Snapshot,
    pub group: &'a GroupLayout,
    pub wanted: &'a Wanted,
    pub runs: ChunkSet,
    pub refresh: bool,
    pub rewrite: bool,
    pub task_bytes: usize,
}

/// A patch, and the wanted units that it touches.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub patch: Arc<PatchIndex>,
    pub units: ChunkSet,
}

/// The patches of each step that touch a wanted unit, in mosaic order.
pub(crate) type BySteps = BTreeMap<TimeValue, Vec<Located>>;

/// One time unit of the axis: its steps, and where it lies if the axis has it already.
#[derive(Debug, Clone)]
pub(crate) struct TimeUnit {
    pub steps: Vec<TimeValue>,
    pub index: Option<usize>,
}

impl Planner<'_> {
    fn units(&self) -> ChunkGrid {
        self.layout.unit_grid(self.group)
    }

    /// The patches that touch a wanted unit, by step, each list in mosaic order.
    pub(crate) fn by_steps(&self, patches: &[Arc<PatchIndex>]) -> Result<BySteps> {
        let mut steps = BySteps::new();
        let patches: Vec<_> = patches.iter().filter(|p| native::belongs(p, self.group, self.layout)).cloned().collect();
        let touched = Locator::new(self.layout, self.group)?.units(&patches)?;
        for (patch, touched) in newest_by(patches.into_iter().zip(touched).collect(), |(patch, _)| patch) {
            let step = patch.time.map_or(TimeValue(0), |t| self.layout.time.step_of(t));
            let declared = self.layout.time.declared.as_ref().is_none_or(|d| d.binary_search(&step).is_ok());
            if declared && (self.layout.time.step == TimeStep::None || self.wanted.wants(&self.layout.time, step)) {
                let units = self.runs.intersection(&touched);
                if !units.is_empty() {
                    steps.entry(step).or_default().push(Located { patch, units });
                }
            }
        }
        let order = Order::parse(self.layout.spec.mosaic.order.as_deref());
        steps.values_mut().for_each(|p| p.sort_by(|a, b| order.compare(&a.patch, &b.patch)));
        Ok(steps)
    }

    /// The time units that the request touches: those of the axis, and those of new steps.
    pub(crate) async fn time_units(&self, found: &BySteps, within: &dyn Fn(TimeValue) -> bool) -> Result<Vec<TimeUnit>> {
        let axis = &self.layout.time;
        if axis.step == TimeStep::None {
            return Ok(vec![TimeUnit { steps: vec![TimeValue(0)], index: Some(0) }]);
        }
        let existing = self.snapshot.steps(&self.group.name).await?;
        let n = self.layout.unit_time.max(1);
        let mut units: Vec<TimeUnit> = existing
            .chunks(n)
            .enumerate()
            .filter(|(_, steps)| steps.iter().any(|s| self.wanted.wants(axis, *s) && within(*s)))
            .map(|(i, steps)| TimeUnit { steps: steps.to_vec(), index: Some(i) })
            .collect();
        let new = found.keys().filter(|s| existing.binary_search(s).is_err() && within(**s));
        units.extend(new.map(|s| TimeUnit { steps: vec![*s], index: None }));
        units.sort_by_key(|u| u.steps[0]);
        Ok(units)
    }

    /// The tasks that one time unit needs.
    pub(crate) async fn tasks(&self, time: &TimeUnit, found: &BySteps) -> Result<Vec<Task>> {
        let ledgers = self.ledgers(time).await?;
        let patches: Vec<&[Located]> = time.steps.iter().map(|s| found.get(s).map_or(&[][..], Vec::as_slice)).collect();
        let per_step: Vec<HashMap<ChunkIndex, Vec<u32>>> = patches.iter().map(|p| touching(p)).collect();
        let mut missing: Vec<(ChunkIndex, u64, Vec<bool>)> = Vec::new();
        for at in self.runs.iter() {
            let lists: Vec<&[u32]> = per_step.iter().map(|m| m.get(&at).map_or(&[][..], Vec::as_slice)).collect();
            let fingerprint = fingerprint(&lists, &patches);
            let bands: Vec<bool> =
                ledgers.iter().map(|l| self.rewrite || l.as_ref().is_none_or(|l| l.needs(at, fingerprint, self.refresh))).collect();
            if bands.contains(&true) {
                missing.push((at, fingerprint, bands));
            }
        }
        let mut tasks = Vec::new();
        for bands in self.together(&patches) {
            let of_bands = missing.iter().filter_map(|(at, fingerprint, needs)| {
                let flags: Vec<bool> = bands.iter().map(|&b| needs[b]).collect();
                flags.contains(&true).then_some((*at, *fingerprint, flags))
            });
            let names: Vec<String> = bands.iter().map(|&b| self.layout.bands[self.wanted.bands[b]].name.clone()).collect();
            self.cut(of_bands.collect(), &names, time, &per_step, &patches, &mut tasks);
        }
        Ok(tasks)
    }

    /// The ledger of each wanted band over the wanted units; `None` for a step that is not on the axis yet.
    async fn ledgers(&self, time: &TimeUnit) -> Result<Vec<Option<Ledger>>> {
        let (Some(index), Some(hull)) = (time.index, self.runs.bounds()) else { return Ok(vec![None; self.wanted.bands.len()]) };
        let mut ledgers = Vec::with_capacity(self.wanted.bands.len());
        for &band in &self.wanted.bands {
            let block = self.snapshot.ledger(&self.group.name, &self.layout.bands[band].name, index, hull).await?;
            ledgers.push(Some(Ledger { hull, block: Arc::new(block) }));
        }
        Ok(ledgers)
    }

    /// The bands in groups whose pixels lie in the same files: those are decoded together.
    fn together(&self, patches: &[&[Located]]) -> Vec<Vec<usize>> {
        let sample = patches.iter().find_map(|p| p.first());
        let mut groups: Vec<(Option<String>, Vec<usize>)> = Vec::new();
        for (i, &band) in self.wanted.bands.iter().enumerate() {
            let href = sample.and_then(|p| p.patch.asset(&self.layout.bands[band].asset)).map(|a| a.href.clone());
            match groups.iter_mut().find(|(h, _)| h.is_some() && *h == href) {
                Some((_, bands)) => bands.push(i),
                None => groups.push((href, vec![i])),
            }
        }
        groups.into_iter().map(|(_, bands)| bands).collect()
    }

    /// Cuts missing units into tasks of neighbours, no more than `task_bytes` of one band each.
    fn cut(
        &self,
        missing: Vec<(ChunkIndex, u64, Vec<bool>)>,
        bands: &[String],
        time: &TimeUnit,
        per_step: &[HashMap<ChunkIndex, Vec<u32>>],
        patches: &[&[Located]],
        tasks: &mut Vec<Task>,
    ) {
        let widest = self.wanted.bands.iter().map(|&b| self.layout.bands[b].dtype.size()).max().unwrap_or(1);
        let unit_bytes = self.layout.unit.len() * time.steps.len() * widest;
        let most = (self.task_bytes / unit_bytes.max(1)).max(1);
        for run in rows_together(&missing, most) {
            let mut local: Vec<Arc<PatchIndex>> = Vec::new();
            let mut index: HashMap<(usize, u32), u32> = HashMap::new();
            for (step, map) in per_step.iter().enumerate() {
                let mut used: Vec<u32> = run.iter().filter_map(|(at, _, _)| map.get(at)).flatten().copied().collect();
                used.sort_unstable();
                used.dedup();
                for p in used {
                    index.insert((step, p), local.len() as u32);
                    local.push(Arc::clone(&patches[step][p as usize].patch));
                }
            }
            let unit = |(at, fingerprint, bands): &(ChunkIndex, u64, Vec<bool>)| Unit {
                at: *at,
                patches: per_step.iter().enumerate().map(|(s, m)| m.get(at).into_iter().flatten().map(|p| index[&(s, *p)]).collect()).collect(),
                bands: bands.clone(),
                fingerprint: *fingerprint,
            };
            tasks.push(Task {
                version: TASK_VERSION,
                group: self.group.name.clone(),
                steps: time.steps.clone(),
                bands: bands.to_vec(),
                patches: local,
                units: run.iter().map(unit).collect(),
            });
        }
    }
}

/// A block of the ledger over some units.
#[derive(Clone)]
struct Ledger {
    hull: Window,
    block: Arc<LedgerBlock>,
}

impl Ledger {
    /// Whether a unit must be written: not loaded, or only in part; for a refresh also when it was made from other patches.
    fn needs(&self, at: ChunkIndex, fingerprint: u64, refresh: bool) -> bool {
        let i = (at.row as usize - self.hull.row) * self.hull.cols + at.col as usize - self.hull.col;
        match self.block.state[i] {
            State::NotLoaded | State::Partial => true,
            State::Loaded | State::Empty => refresh && self.block.fingerprint[i] != fingerprint,
        }
    }
}

/// The order in which patches meet in a mosaic.
enum Order {
    Time { descending: bool },
    Property { name: String, descending: bool },
}

impl Order {
    fn parse(text: Option<&str>) -> Self {
        match text {
            None | Some("time") => Self::Time { descending: false },
            Some("-time") => Self::Time { descending: true },
            Some(name) => Self::Property { name: name.trim_start_matches('-').to_owned(), descending: name.starts_with('-') },
        }
    }

    /// The property that it goes by, when none of the patches has it.
    fn unknown<'s>(&'s self, patches: &[Arc<PatchIndex>]) -> Option<&'s str> {
        let Self::Property { name, .. } = self else { return None };
        (!patches.is_empty() && patches.iter().all(|p| !p.properties.contains_key(name))).then_some(name)
    }

    /// By property (patches without it last), then time, then id.
    fn compare(&self, a: &PatchIndex, b: &PatchIndex) -> Ordering {
        let by_time = || (a.time, &a.id).cmp(&(b.time, &b.id));
        let (name, descending) = match self {
            Self::Time { descending: false } => return by_time(),
            Self::Time { descending: true } => return (b.time, &a.id).cmp(&(a.time, &b.id)),
            Self::Property { name, descending } => (name, descending),
        };
        let ordering = match (a.properties.get(name), b.properties.get(name)) {
            (Some(x), Some(y)) => {
                let ordering = compare_values(x, y);
                if *descending { ordering.reverse() } else { ordering }
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        ordering.then_with(by_time)
    }
}

fn compare_values(a: &serde_json::Value, b: &serde_json::Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => x.total_cmp(&y),
        _ => a.to_string().cmp(&b.to_string()),
    }
}

/// Missing units in parts of at most `most`: whole rows together as long as they fit, a longer row cut into runs of neighbours.
fn rows_together<T>(missing: &[(ChunkIndex, u64, T)], most: usize) -> Vec<&[(ChunkIndex, u64, T)]> {
    let mut parts: Vec<&[(ChunkIndex, u64, T)]> = Vec::new();
    // Whole rows that are still to become a part: from where to where.
    let (mut start, mut end) = (0, 0);
    for row in missing.chunk_by(|a, b| a.0.row == b.0.row) {
        let next = end + row.len();
        let adjoins = start < end && missing[end - 1].0.row + 1 == row[0].0.row;
        if !(adjoins && next - start <= most) {
            parts.extend((start < end).then(|| &missing[start..end]));
            start = end;
        }
        if row.len() > most {
            parts.extend(row.chunk_by(|a, b| a.0.col + 1 == b.0.col).flat_map(|run| run.chunks(most)));
            start = next;
        }
        end = next;
    }
    parts.extend((start < end).then(|| &missing[start..end]));
    parts
}

/// For each unit the patches that touch it, in order.
fn touching(patches: &[Located]) -> HashMap<ChunkIndex, Vec<u32>> {
    let mut map: HashMap<ChunkIndex, Vec<u32>> = HashMap::new();
    for (i, located) in patches.iter().enumerate() {
        for at in located.units.iter() {
            map.entry(at).or_default().push(i as u32);
        }
    }
    map
}

/// A hash of the patches that go into a unit and their versions, in order, step by step.
pub(crate) fn fingerprint(lists: &[&[u32]], patches: &[&[Located]]) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for (list, patches) in lists.iter().zip(patches) {
        for &i in *list {
            let patch = &patches[i as usize].patch;
            for part in [patch.id.as_str(), &patch.version] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        hash.update(b"\n");
    }
    hash.digest()
}

/// What a request would read and write, without doing it: asks the catalogue where it must, writes nothing.
pub async fn plan(cube: &Cube, request: &Request, refresh: bool, context: &Context) -> Result<Planned> {
    let snapshot = cube.snapshot().await?;
    let mut layout = snapshot.layout().clone();
    let wanted = Wanted::resolve(request, &layout)?;
    let mut searcher = Searcher::new(&layout, context, search::missing(wanted.regions(), &snapshot.searches().await?, &layout, refresh));
    let mut found: Vec<Arc<PatchIndex>> = Vec::new();
    let mut searches = 0;
    while let Some(part) = searcher.next().await? {
        searches += 1;
        found.extend(native::locate(part.patches, &layout, context).await?);
    }
    let known = stored(&snapshot, &layout, &wanted.regions()).await?;
    let patches = newest(found.into_iter().chain(known));
    check_order(&layout, &patches, context);
    for group in native::new_groups(&patches, &layout)? {
        layout.groups.push(group);
    }
    let mut summary = Preview { searches, ..Preview::default() };
    let mut tasks = Vec::new();
    for group in &layout.groups {
        let runs = native::runs(&request.roi, group, &layout)?;
        if runs.is_empty() {
            continue;
        }
        let planner = Planner {
            layout: &layout,
            snapshot: &snapshot,
            group,
            wanted: &wanted,
            runs,
            refresh,
            rewrite: false,
            task_bytes: context.limits.task_bytes,
        };
        let by_steps = planner.by_steps(&patches)?;
        let touched = planner.runs.len() as usize;
        let grid = planner.units();
        summary.pixels_in_units += planner.runs.iter().map(|at| grid.window(at).shape().len()).sum::<usize>();
        for unit in planner.time_units(&by_steps, &|_| true).await? {
            summary.units_touched += touched * wanted.bands.len();
            summary.steps.extend(unit.steps.iter().map(ToString::to_string));
            tasks.extend(planner.tasks(&unit, &by_steps).await?);
        }
    }
    summary.count(&tasks, &layout);
    summary.periods = wanted.periods.iter().map(|p| Toi::from_periods([*p]).to_string()).collect();
    Ok(Planned { plan: Plan { tasks }, summary })
}

impl Preview {
    fn count(&mut self, tasks: &[Task], layout: &Layout) {
        let mut files = std::collections::BTreeSet::new();
        let mut patches = std::collections::BTreeSet::new();
        for task in tasks {
            for patch in &task.patches {
                patches.insert(patch.id.clone());
                files.extend(task.bands.iter().filter_map(|b| layout.band(b)).filter_map(|b| patch.asset(&b.asset)).map(|a| a.href.clone()));
            }
            for unit in &task.units {
                let bands = task.bands.iter().zip(&unit.bands).filter(|(_, wanted)| **wanted).filter_map(|(b, _)| layout.band(b));
                for band in bands {
                    self.units_missing += 1;
                    self.bytes += layout.unit.len() * task.steps.len() * band.dtype.size();
                }
            }
        }
        (self.files, self.patches) = (files.len(), patches.len());
        self.steps.sort();
        self.steps.dedup();
    }
}

/// The patches that the cube knows of in some regions.
pub(crate) async fn stored(snapshot: &Snapshot, layout: &Layout, regions: &[Region]) -> Result<Vec<Arc<PatchIndex>>> {
    let mut filter = PatchFilter::default();
    for region in regions {
        let query = search::query(layout, region)?;
        filter.boxes.extend(query.boxes);
        filter.periods.extend(query.periods);
    }
    Ok(snapshot.patches(&filter).await?.into_iter().map(Arc::new).collect())
}

/// Warns once where images are to be ordered by a property that none of them has: then they are ordered by time.
pub(crate) fn check_order(layout: &Layout, patches: &[Arc<PatchIndex>], context: &Context) {
    let order = Order::parse(layout.spec.mosaic.order.as_deref());
    if let Some(name) = order.unknown(patches) {
        context.warn_once(format!("order {name}"), || {
            format!("none of the {} images found has the property `{name}`, which [mosaic] `order` names: they are ordered by time", patches.len())
        });
    }
}

/// One patch per id: the first that is given.
pub(crate) fn newest(patches: impl Iterator<Item = Arc<PatchIndex>>) -> Vec<Arc<PatchIndex>> {
    let mut seen = std::collections::HashSet::new();
    patches.filter(|p| seen.insert(p.id.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_ordered_by_time_both_ways() {
        let patch = |id: &str, time: i64, cloud: Option<f64>| {
            let properties = cloud.map(|c| ("eo:cloud_cover", c));
            let json = serde_json::json!({"id": id, "time": null, "assets": {}, "properties": properties.into_iter().collect::<BTreeMap<_, _>>()});
            Arc::new(PatchIndex { time: Some(TimeValue(time)), ..serde_json::from_value(json).expect("a patch") })
        };
        let patches = [patch("b", 1, Some(5.0)), patch("c", 2, None), patch("a", 1, Some(9.0))];
        let ids = |order: &str| {
            let (order, mut sorted) = (Order::parse(Some(order)), patches.to_vec());
            sorted.sort_by(|a, b| order.compare(a, b));
            sorted.iter().map(|p| p.id.to_string()).collect::<String>()
        };
        assert_eq!((ids("time"), ids("-time")), ("abc".into(), "cab".into()));
        assert_eq!((ids("eo:cloud_cover"), ids("-eo:cloud_cover")), ("bac".into(), "abc".into()));
        let unknown = |order: &str| Order::parse(Some(order)).unknown(&patches).map(str::to_owned);
        assert_eq!((unknown("-eo:clod_cover"), unknown("-time"), unknown("eo:cloud_cover")), (Some("eo:clod_cover".into()), None, None));
    }

    #[test]
    fn rows_are_kept_together_and_long_ones_cut() {
        let units = |cells: &[(u32, u32)]| cells.iter().map(|(row, col)| (ChunkIndex { row: *row, col: *col }, 0, ())).collect::<Vec<_>>();
        let lengths = |cells: &[(u32, u32)], most| rows_together(&units(cells), most).iter().map(|p| p.len()).collect::<Vec<_>>();
        assert_eq!(lengths(&[(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)], 4), [4, 1]);
        assert_eq!(lengths(&[(0, 0), (2, 0)], 4), [1, 1], "rows apart are parts apart");
        assert_eq!(lengths(&[(0, 0), (0, 1), (0, 2), (0, 5), (0, 6)], 2), [2, 1, 2]);
        assert_eq!(lengths(&[(0, 0), (0, 1), (0, 2), (1, 0)], 2), [2, 1, 1], "a cut row takes no other with it");
    }
}
