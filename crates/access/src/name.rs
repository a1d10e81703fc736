//! How messages name a URL.

/// A URL without user, password, query and fragment, where secrets live; a path as it is.
pub fn public_name(href: &str) -> String {
    let Some((scheme, rest)) = href.split_once("://") else { return href.to_owned() };
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b)) {
        return href.to_owned();
    }
    // In an s3 or file URL `?` and `#` can be part of a name, but nobody misses them in a message.
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').map_or((rest, None), |(h, p)| (h, Some(p)));
    let host = host.rsplit('@').next().unwrap_or_default();
    path.map_or_else(|| format!("{scheme}://{host}"), |p| format!("{scheme}://{host}/{p}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out() {
        assert_eq!(public_name("https://user:pw@host:8443/a/b.tif?sig=SECRET#x"), "https://host:8443/a/b.tif");
        assert_eq!(public_name("https://host?sig=SECRET"), "https://host");
        assert_eq!(public_name("/data/what? really#1.tif"), "/data/what? really#1.tif");
        assert_eq!(public_name("s3://bucket/key@v2/b.tif"), "s3://bucket/key@v2/b.tif");
    }
}
