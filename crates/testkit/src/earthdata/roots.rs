//! The hosts that the emulated services live on.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// One of the emulated hosts. Each listens on an address of its own, because cookies and redirects are judged by host, not by port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The Common Metadata Repository, and CMR-STAC below `/stac`.
    Cmr,
    /// Earthdata Login.
    Login,
    /// Data host and S3-credentials endpoint of LP DAAC.
    Lpdaac,
    /// Data host and S3-credentials endpoint of PO.DAAC.
    Podaac,
    /// Data host and S3-credentials endpoint of NSIDC.
    Nsidc,
    /// Where data hosts redirect to with presigned URLs.
    Presigned,
    /// A host that nothing secret may ever reach.
    Hostile,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] = [Self::Cmr, Self::Login, Self::Lpdaac, Self::Podaac, Self::Nsidc, Self::Presigned, Self::Hostile];

    /// The name in port files, plans and counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cmr => "cmr",
            Self::Login => "login",
            Self::Lpdaac => "lpdaac",
            Self::Podaac => "podaac",
            Self::Nsidc => "nsidc",
            Self::Presigned => "presigned",
            Self::Hostile => "hostile",
        }
    }

    /// The role of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// 127.0.0.1 for the CMR, 127.0.0.2 for the next and so on.
    pub(super) fn address(self) -> Ipv4Addr {
        let place = Self::ALL.iter().position(|role| *role == self).unwrap_or_default();
        Ipv4Addr::new(127, 0, 0, place as u8 + 1)
    }

    /// The root of the service that is emulated.
    fn true_root(self) -> &'static str {
        match self {
            Self::Cmr => "https://cmr.earthdata.nasa.gov",
            Self::Login => "https://urs.earthdata.nasa.gov",
            Self::Lpdaac => "https://data.lpdaac.earthdatacloud.nasa.gov",
            Self::Podaac => "https://archive.podaac.earthdata.nasa.gov",
            Self::Nsidc => "https://data.nsidc.earthdatacloud.nasa.gov",
            Self::Presigned => "https://s3.us-west-2.amazonaws.com",
            Self::Hostile => "https://hostile.example",
        }
    }
}

/// The root URL of every role, without a final slash, as records and redirects name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots(BTreeMap<Role, String>);

impl Roots {
    pub(super) fn new(roots: BTreeMap<Role, String>) -> Self {
        Self(roots)
    }

    /// The names of the real services: for clients that reach the emulator through a proxy that stands in for those hosts.
    #[must_use]
    pub fn true_names() -> Self {
        Self(Role::ALL.into_iter().map(|role| (role, role.true_root().to_owned())).collect())
    }

    /// Root of one role.
    #[must_use]
    pub fn of(&self, role: Role) -> &str {
        self.0.get(&role).map_or("", String::as_str)
    }

    /// Replaces `{cmr}`, `{login}`, … in a text by the roots.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (role, root)| text.replace(&format!("{{{}}}", role.name()), root))
    }
}
