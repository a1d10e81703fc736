//! What the types of `RelatedUrls` mean. Design note 6 says why.

use super::parts::RelatedUrl;

/// What a URL of a granule leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file with the data.
    Data,
    /// A picture of the data.
    Browse,
    /// A small picture of the data.
    Thumbnail,
    /// A file that describes the granule or its bytes: metadata, DMR++, checksums.
    Metadata,
    /// A page for people.
    Documentation,
    /// Something that answers requests: OPeNDAP, a subsetter. Never a file.
    Service,
    /// A program.
    Software,
}

impl Kind {
    /// Of a `Type` and a `Subtype` of UMM.
    pub fn of(kind: &str, subtype: Option<&str>) -> Self {
        if subtype == Some("OPENDAP DATA") {
            return Self::Service;
        }
        match kind {
            "GET DATA" | "GET DATA VIA DIRECT ACCESS" => Self::Data,
            "GET RELATED VISUALIZATION" => Self::Browse,
            "Thumbnail" | "THUMBNAIL" => Self::Thumbnail,
            "EXTENDED METADATA" => Self::Metadata,
            "USE SERVICE API" => Self::Service,
            "DOWNLOAD SOFTWARE" => Self::Software,
            _ => Self::Documentation,
        }
    }

    /// As [`Kind::of`], but for what the name of the file tells better: a thumbnail, and metadata that are declared as information.
    pub(super) fn of_url(url: &RelatedUrl<'_>, file_name: &str) -> Self {
        match Self::of(&url.kind, url.subtype.as_deref()) {
            Self::Browse if file_name.as_bytes().windows(5).any(|w| w.eq_ignore_ascii_case(b"thumb")) => Self::Thumbnail,
            Self::Documentation if [".xml", ".json", ".dmrpp"].iter().any(|ending| file_name.ends_with(ending)) => Self::Metadata,
            kind => kind,
        }
    }

    /// The end of the text before, and the roles as a member of an object.
    pub(crate) fn roles_member(self) -> &'static str {
        match self {
            Self::Data => "\",\"roles\":[\"data\"]",
            Self::Browse => "\",\"roles\":[\"visual\",\"overview\"]",
            Self::Thumbnail => "\",\"roles\":[\"thumbnail\"]",
            Self::Metadata => "\",\"roles\":[\"metadata\"]",
            Self::Documentation => "\",\"roles\":[\"metadata\",\"documentation\"]",
            Self::Service => "\",\"roles\":[\"service\"]",
            Self::Software => "\",\"roles\":[\"software\"]",
        }
    }

    /// Roles of its STAC asset.
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Data => &["data"],
            // `visual` is what it is for; `overview` keeps readers of arrays from taking it for data.
            Self::Browse => &["visual", "overview"],
            Self::Thumbnail => &["thumbnail"],
            Self::Metadata => &["metadata"],
            Self::Documentation => &["metadata", "documentation"],
            Self::Service => &["service"],
            Self::Software => &["software"],
        }
    }

    /// Key of its asset, and the beginning of the keys where there are several; files of data have the names of their own.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Browse => "browse",
            Self::Thumbnail => "thumbnail",
            Self::Metadata => "metadata",
            Self::Documentation => "documentation",
            Self::Service => "service",
            Self::Software => "software",
        }
    }

    /// `Type` of UMM for a STAC asset with these roles. The first role that means something decides.
    pub fn umm_type(roles: &[&str], href: &str) -> &'static str {
        let of = |role: &&str| match *role {
            "data" if href.starts_with("s3://") => Some("GET DATA VIA DIRECT ACCESS"),
            "data" => Some("GET DATA"),
            "thumbnail" | "overview" | "visual" => Some("GET RELATED VISUALIZATION"),
            "service" | "api" => Some("USE SERVICE API"),
            "software" => Some("DOWNLOAD SOFTWARE"),
            "documentation" => Some("VIEW RELATED INFORMATION"),
            _ => None,
        };
        let described = || roles.iter().any(|r| r.contains("metadata")).then_some("EXTENDED METADATA");
        let data = if href.starts_with("s3://") { "GET DATA VIA DIRECT ACCESS" } else { "GET DATA" };
        roles.iter().find_map(of).or_else(described).unwrap_or(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_said_twice_alike() {
        use Kind::*;
        for kind in [Data, Browse, Thumbnail, Metadata, Documentation, Service, Software] {
            let object: serde_json::Value = serde_json::from_str(&format!("{{\"a\":\"{}}}", kind.roles_member())).unwrap_or_default();
            assert_eq!(object["roles"], serde_json::json!(kind.roles()));
        }
    }
}
