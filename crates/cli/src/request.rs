//! Region, time and bands as they are typed, and as they are meant.

use clap::Args;
use eocube::{Cancel, Context, Crs, Environment, Error, Layout, Outline, Progress, Request, Result, Roi, TimeStep, Toi};
use std::sync::Arc;

use crate::printer::Printer;

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Asked {
    /// Region: `west,south,east,north`, WKT, GeoJSON, a vector file, or `@file.tif` for its grid.
    #[arg(long, value_name = "ROI", allow_hyphen_values = true)]
    pub(crate) roi: String,
    /// CRS of the region's coordinates [default: longitude and latitude, or what a file says].
    #[arg(long, value_name = "CRS")]
    pub(crate) roi_crs: Option<String>,
    /// Time: `2024-06-01`, `2024-06`, `2024`, `a/b`, `a/..`, `../b`, or a comma list.
    #[arg(long, value_name = "TOI", allow_hyphen_values = true)]
    pub(crate) toi: Option<String>,
}

/// Region and time, understood.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) roi: Roi,
    pub(crate) toi: Option<Toi>,
}

impl Asked {
    /// Understands what was typed; nothing of a cube is needed for it.
    pub(crate) async fn understand(&self, environment: &Environment) -> Result<Place> {
        let toi = self.toi.as_deref().map(Toi::parse).transpose().map_err(|e| Error::option("--toi", e))?;
        let roi = region(&self.roi, self.roi_crs.as_deref(), environment).await?;
        Ok(Place { roi, toi })
    }
}

/// Understands `--roi` and `--roi-crs`.
pub(crate) async fn region(text: &str, crs: Option<&str>, environment: &Environment) -> Result<Roi> {
    let crs = crs.map(Crs::parse).transpose().map_err(|e| Error::option("--roi-crs", e))?;
    eocube::read_roi(text, crs, environment).await
}

impl Place {
    /// The request to a cube: a time must be given where there is a time axis.
    pub(crate) fn request(self, bands: &[String], layout: &Layout) -> Result<Request> {
        let toi = match self.toi {
            Some(toi) => toi,
            None if layout.time.step == TimeStep::None => Toi::always(),
            None => {
                return Err(Error::refused(
                    "the cube has a time axis, and no time was given",
                    "add --toi, for example `--toi 2024-06`, or `--toi ..` for all of time",
                ));
            }
        };
        Ok(Request { roi: self.roi, toi, bands: bands.to_vec() })
    }
}

/// Says when a part of the region is left out, because the cube ends before it.
pub(crate) fn warn_of_what_lies_beyond(request: &Request, layout: &Layout, printer: &Printer) -> Result<()> {
    let [group] = &layout.groups[..] else { return Ok(()) };
    let share = Outline::new(&request.roi, &group.grid)?.share_beyond();
    if share > 0.005 && !layout.spec.grid.is_native() {
        printer.warn(format_args!("{:.0} % of the region lies beyond the extent of the cube, and is left out", (share * 100.0).max(1.0)));
    }
    Ok(())
}

/// How many tasks may run at once.
#[derive(Debug, Clone, Args)]
pub(crate) struct Workers {
    /// Tasks at once [default: processors + 2].
    #[arg(long, value_name = "N", env = "CUBE_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

impl Workers {
    pub(crate) fn limits(&self) -> eocube::Limits {
        let default = eocube::Limits::default();
        eocube::Limits { workers: self.workers.map_or(default.workers, usize::from), ..default }
    }
}

/// The means of a run on a cube.
pub(crate) fn context(environment: &Environment, layout: &Layout, workers: &Workers, progress: Arc<dyn Progress>, cancel: &Cancel) -> Arc<Context> {
    let mut context = environment.context(&layout.spec, workers.limits()).with_progress(progress);
    context.cancel = cancel.clone();
    Arc::new(context)
}
