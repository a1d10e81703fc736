//! NASA's archive centres, and the buckets whose temporary keys they give out.

use serde::Serialize;

/// Region of every bucket in the registry.
pub(crate) const REGION: &str = "us-west-2";

/// One archive centre (DAAC): its names in CMR and where it gives out temporary S3 keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Provider {
    /// Short name of the centre, as in `PODAAC`.
    pub daac: &'static str,
    /// What it is called in full.
    pub title: &'static str,
    /// Provider in CMR of what it keeps in the cloud.
    pub cloud: Option<&'static str>,
    /// Provider in CMR of what it keeps on its own servers.
    pub on_premises: &'static str,
    /// Where it gives out temporary S3 keys.
    pub credentials_endpoint: Option<&'static str>,
}

const fn center(
    daac: &'static str,
    title: &'static str,
    cloud: Option<&'static str>,
    on_premises: &'static str,
    credentials_endpoint: Option<&'static str>,
) -> Provider {
    Provider { daac, title, cloud, on_premises, credentials_endpoint }
}

/// The archive centres, as CMR and the official client name them (2026-08).
pub const PROVIDERS: &[Provider] = &[
    center("ASDC", "Atmospheric Science Data Center", Some("LARC_CLOUD"), "LARC_ASDC", Some("https://data.asdc.earthdata.nasa.gov/s3credentials")),
    center("ASF", "Alaska Satellite Facility", Some("ASF"), "ASF", Some("https://sentinel1.asf.alaska.edu/s3credentials")),
    center(
        "GES_DISC",
        "Goddard Earth Sciences Data and Information Services Center",
        Some("GES_DISC"),
        "GES_DISC",
        Some("https://data.gesdisc.earthdata.nasa.gov/s3credentials"),
    ),
    center(
        "GHRCDAAC",
        "Global Hydrometeorology Resource Center",
        Some("GHRC_DAAC"),
        "GHRC_DAAC",
        Some("https://data.ghrc.earthdata.nasa.gov/s3credentials"),
    ),
    center(
        "LAADS",
        "Level-1 and Atmosphere Archive and Distribution System",
        Some("LAADS"),
        "LAADS",
        Some("https://data.laadsdaac.earthdatacloud.nasa.gov/s3credentials"),
    ),
    center(
        "LPDAAC",
        "Land Processes Distributed Active Archive Center",
        Some("LPCLOUD"),
        "LPDAAC_ECS",
        Some("https://data.lpdaac.earthdatacloud.nasa.gov/s3credentials"),
    ),
    center(
        "NSIDC",
        "National Snow and Ice Data Center",
        Some("NSIDC_CPRD"),
        "NSIDC_ECS",
        Some("https://data.nsidc.earthdatacloud.nasa.gov/s3credentials"),
    ),
    center(
        "OBDAAC",
        "Ocean Biology Distributed Active Archive Center",
        Some("OB_CLOUD"),
        "OB_DAAC",
        Some("https://obdaac-tea.earthdatacloud.nasa.gov/s3credentials"),
    ),
    center(
        "ORNLDAAC",
        "Oak Ridge National Laboratory",
        Some("ORNL_CLOUD"),
        "ORNL_DAAC",
        Some("https://data.ornldaac.earthdata.nasa.gov/s3credentials"),
    ),
    center(
        "PODAAC",
        "Physical Oceanography Distributed Active Archive Center",
        Some("POCLOUD"),
        "PODAAC",
        Some("https://archive.podaac.earthdata.nasa.gov/s3credentials"),
    ),
    center("SEDAC", "Socioeconomic Data and Applications Center", None, "ESDIS", None),
];

/// Hosts of endpoints, each with its buckets: what CMR's collections say of themselves (`DirectDistributionInformation`, 2026-08-18). Three missions
/// of a centre have an endpoint of their own, so that a centre or the beginning of a name is not enough.
const BUCKETS: &[(&str, &[&str])] = &[
    ("archive.podaac.earthdata.nasa.gov", &["podaac-ops-cumulus-docs", "podaac-ops-cumulus-protected", "podaac-ops-cumulus-public"]),
    ("archive.swot.podaac.earthdata.nasa.gov", &["podaac-swot-ops-cumulus-protected", "podaac-swot-ops-cumulus-public"]),
    (
        "cumulus.asf.earthdatacloud.nasa.gov",
        &[
            "asf-cumulus-prod-alos2-products",
            "asf-cumulus-prod-aria-browse",
            "asf-cumulus-prod-aria-products",
            "asf-cumulus-prod-ecmwf",
            "asf-cumulus-prod-seasat-products",
        ],
    ),
    ("cumulus.asf.alaska.edu", &["asf-cumulus-prod-opera-browse", "asf-cumulus-prod-opera-products"]),
    ("data.asdc.earthdata.nasa.gov", &["asdc-prod-protected", "asdc2-prod-protected"]),
    ("data.csdap.earthdata.nasa.gov", &["csda-cumulus-prod-protected-5047"]),
    ("data.gesdisc.earthdata.nasa.gov", &["gesdisc-cumulus-prod-protected"]),
    ("data.ghrc.earthdata.nasa.gov", &["ghrcw-protected"]),
    ("data.ghrc.uat.earthdata.nasa.gov", &["ghrcwuat-protected"]),
    ("data.laadsdaac.earthdatacloud.nasa.gov", &["prod-lads"]),
    ("data.lpdaac.earthdatacloud.nasa.gov", &["lp-prod-protected", "lp-prod-public", "lp-protected", "lp-public"]),
    ("data.nsidc.earthdatacloud.nasa.gov", &["nsidc-cumulus-prod-protected", "nsidc-cumulus-prod-public"]),
    ("data.ornldaac.earthdata.nasa.gov", &["ornl-cumulus-prod-protected", "ornl-cumulus-prod-public"]),
    ("nisar.asf.earthdatacloud.nasa.gov", &["sds-n-cumulus-prod-nisar-products", "sds-n-cumulus-prod-nisar-ur-products"]),
    ("obdaac-tea.earthdatacloud.nasa.gov", &["ob-cumulus-prod-public"]),
    ("obdaac-tea.sit.earthdatacloud.nasa.gov", &["ob-cumulus-sit-public"]),
    (
        "sentinel1.asf.alaska.edu",
        &[
            "asf-ngap2w-p-s1-grd-7d1b4348",
            "asf-ngap2w-p-s1-ocn-1e29d408",
            "asf-ngap2w-p-s1-raw-98779950",
            "asf-ngap2w-p-s1-slc-7b420b89",
            "asf-ngap2w-p-s1-xml-8cf7476b",
        ],
    ),
];

/// Where the keys of a bucket are given out, when the registry knows it.
pub(crate) fn endpoint_of_bucket(bucket: &str) -> Option<String> {
    let (host, _) = BUCKETS.iter().find(|(_, buckets)| buckets.contains(&bucket))?;
    Some(format!("https://{host}/s3credentials"))
}

/// The centre with this short name or provider, in any case of letters.
pub(crate) fn provider(name: &str) -> Option<&'static Provider> {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    PROVIDERS.iter().find(|p| is(p.daac) || p.cloud.is_some_and(is)).or_else(|| PROVIDERS.iter().find(|p| is(p.on_premises)))
}

/// The names that `--provider` understands, for messages.
pub(crate) fn provider_names() -> String {
    PROVIDERS.iter().filter(|p| p.credentials_endpoint.is_some()).filter_map(|p| p.cloud).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_known_once_and_lead_to_their_endpoint() {
        let mut all: Vec<_> = BUCKETS.iter().flat_map(|(_, buckets)| *buckets).collect();
        assert_eq!(all.len(), 36);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 36, "a bucket has one endpoint");
        for (bucket, endpoint) in [
            ("podaac-swot-ops-cumulus-protected", "https://archive.swot.podaac.earthdata.nasa.gov/s3credentials"),
            ("asf-cumulus-prod-opera-products", "https://cumulus.asf.alaska.edu/s3credentials"),
            ("ornl-cumulus-prod-protected", "https://data.ornldaac.earthdata.nasa.gov/s3credentials"),
            ("ghrcw-protected", "https://data.ghrc.earthdata.nasa.gov/s3credentials"),
        ] {
            assert_eq!(endpoint_of_bucket(bucket).as_deref(), Some(endpoint));
        }
        assert_eq!(endpoint_of_bucket("podaac-ops-cumulus-protected-x"), None, "the beginning of a name is not enough");
    }

    #[test]
    fn providers_are_found_by_each_of_their_names() {
        for name in ["PODAAC", "POCLOUD", "pocloud"] {
            assert_eq!(provider(name).map(|p| p.daac), Some("PODAAC"), "{name}");
        }
        assert_eq!(provider("LPDAAC_ECS").map(|p| p.daac), Some("LPDAAC"));
        assert_eq!(provider("ESDIS").and_then(|p| p.credentials_endpoint), None);
        assert!(provider("nobody").is_none() && !provider_names().contains("ESDIS"));
    }
}
