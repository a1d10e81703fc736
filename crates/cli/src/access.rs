//! How files are reached, as it is typed; over what the environment says.

use clap::{Args, ValueEnum};
use eocube::{AccessOptions, Error, Result, access::Route};

/// Which addresses are read, and whose keys.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessFlags {
    /// Which address of a file is read, where it has two: s3:// beside the data (direct), https:// (indirect), or what works best from here.
    #[arg(long, value_name = "WHICH")]
    pub(crate) access: Option<Which>,
    #[command(flatten)]
    pub(crate) endpoint: EndpointFlag,
}

/// Where keys come from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct EndpointFlag {
    /// Where temporary S3 keys are given out, instead of what is known of the bucket.
    #[arg(long, value_name = "URL")]
    pub(crate) credentials_endpoint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    Direct,
    Indirect,
    Auto,
}

impl From<Which> for Route {
    fn from(which: Which) -> Self {
        match which {
            Which::Direct => Self::Direct,
            Which::Indirect => Self::Indirect,
            Which::Auto => Self::Auto,
        }
    }
}

/// How the files of a cube's source are read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReadingFlags {
    #[command(flatten)]
    access: AccessFlags,
    #[command(flatten)]
    provider: ProviderFlag,
}

impl ReadingFlags {
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { flags: self.access.clone(), provider: self.provider.provider.clone(), ..Overrides::default() }
    }
}

/// How one file is read, which has no second address.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct KeyFlags {
    #[command(flatten)]
    endpoint: EndpointFlag,
    #[command(flatten)]
    provider: ProviderFlag,
}

impl KeyFlags {
    pub(crate) fn overrides(&self) -> Overrides {
        let flags = AccessFlags { access: None, endpoint: self.endpoint.clone() };
        Overrides { flags, provider: self.provider.provider.clone(), ..Overrides::default() }
    }
}

/// Whose keys open buckets of which nothing is known.
#[derive(Debug, Clone, Default, Args)]
struct ProviderFlag {
    /// Provider or archive centre (`cube auth providers`) whose keys open buckets of which nothing is known.
    #[arg(long, value_name = "NAME", help_heading = "Access")]
    provider: Option<String>,
}

/// What a command line says of access.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) flags: AccessFlags,
    /// Provider whose keys open buckets of which nothing is known.
    pub(crate) provider: Option<String>,
    /// `prod` or `uat`.
    pub(crate) system: Option<String>,
}

impl Overrides {
    /// The options of the environment, with what was typed over them.
    pub(crate) fn over(&self, mut options: AccessOptions) -> Result<AccessOptions> {
        if let Some(which) = self.flags.access {
            options.route = which.into();
        }
        if let Some(provider) = &self.provider {
            options.earthdata.provider = Some(provider.clone());
        }
        if let Some(system) = &self.system {
            options.earthdata.system = system.parse()?;
        }
        if let Some(endpoint) = &self.flags.endpoint.credentials_endpoint {
            let url = url::Url::parse(endpoint).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
            let wrong = || Error::refused(format!("`--credentials-endpoint {endpoint}` is not an http URL"), "write https://host/s3credentials");
            options.earthdata.credentials_endpoint = Some(url.ok_or_else(wrong)?);
        }
        Ok(options)
    }
}
