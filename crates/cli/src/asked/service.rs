//! Which service is asked, and in which pages.

use clap::{Args, builder::TypedValueParser, error::ErrorKind};
use eocube::{
    Environment, Error, Result,
    query::CMR_PAGE_SIZE,
    search::{CMR, CMR_UAT, SearchOptions, SearchService},
};

/// Most records of a page of a STAC API.
const MOST_OF_STAC: u16 = 10_000;

/// Which service is asked.
#[derive(Debug, Clone, Args)]
#[group(id = "service", multiple = false)]
pub(crate) struct ServiceFlags {
    /// Ask NASA's CMR; with a value another root of it, `uat` for the one of trials.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", value_parser = CmrRoot, help_heading = "Service")]
    cmr: Option<String>,
    /// Ask a STAC API; also a static catalogue, an item collection or a stac-geoparquet file.
    #[arg(long, value_name = "URL", help_heading = "Service")]
    stac: Option<String>,
}

impl ServiceFlags {
    /// The service that is named; `None` when none is.
    pub(crate) fn named(&self, environment: &Environment) -> Option<SearchService> {
        match &self.stac {
            Some(url) => Some(SearchService::Stac(url.clone())),
            None => self.cmr.is_some().then(|| SearchService::Cmr(self.cmr_root(environment))),
        }
    }

    /// The service that is named, where one has to be; examples of both show how.
    pub(crate) fn required(&self, environment: &Environment, cmr: &str, stac: &str) -> Result<SearchService> {
        self.named(environment).ok_or_else(|| Error::refused("no service is named", format!("ask NASA's CMR: {cmr}\nor any STAC: {stac}")))
    }

    /// Where CMR is, whether or not it is named.
    pub(crate) fn cmr_root(&self, environment: &Environment) -> String {
        let root = self.cmr.as_deref().filter(|root| !root.is_empty()).unwrap_or(environment.cmr());
        root.trim_end_matches('/').trim_end_matches("/search").to_owned()
    }
}

/// `--cmr` takes an address, and nothing else that stands after it by chance.
#[derive(Debug, Clone, Copy)]
struct CmrRoot;

impl TypedValueParser for CmrRoot {
    type Value = String;

    fn parse_ref(&self, command: &clap::Command, _: Option<&clap::Arg>, value: &std::ffi::OsStr) -> std::result::Result<String, clap::Error> {
        let text = value.to_string_lossy();
        match text.as_ref() {
            "" => Ok(String::new()),
            "prod" => Ok(CMR.to_owned()),
            "uat" => Ok(CMR_UAT.to_owned()),
            address if address.contains("://") => Ok(address.trim_end_matches('/').to_owned()),
            other => {
                let message = format!("`{other}` after --cmr is not an address of CMR: give a URL, `uat`, or nothing (and put --cmr last)\n");
                Err(clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command))
            }
        }
    }
}

/// How a service is asked for its pages.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Paging")]
pub(crate) struct PagingFlags {
    /// Records of a page: at most 2000 of CMR, 10000 of STAC [default: 2000 of CMR, 250 of STAC].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_OF_STAC)))]
    page_size: Option<u16>,
    /// Pages asked for ahead; their product with the size of a page bounds memory.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=16))]
    prefetch_pages: u8,
}

impl PagingFlags {
    /// What a service is to be asked for; a page of more than it gives is refused.
    pub(crate) fn options(&self, service: &SearchService) -> Result<SearchOptions> {
        let most = match service {
            SearchService::Cmr(_) => CMR_PAGE_SIZE,
            SearchService::Stac(_) => MOST_OF_STAC.into(),
        };
        if let Some(size) = self.page_size.filter(|size| u64::from(*size) > most) {
            return Err(Error::refused(format!("`--page-size {size}` is more than a page of CMR holds"), format!("give 1 to {most}")));
        }
        Ok(SearchOptions { page_size: self.page_size.map(usize::from), prefetch_pages: self.prefetch_pages.into(), ..SearchOptions::default() })
    }
}
