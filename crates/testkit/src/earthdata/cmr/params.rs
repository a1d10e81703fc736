//! The parameters of a search, as they come and as the CMR takes them apart.

use std::collections::BTreeMap;

use http::Method;

use crate::server::{Call, parse_query};

/// The parameters of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params {
    /// Values by name; `key` and `key[]` are one. Groups such as `passes[0][pass]` keep their indices behind the name: (`passes`, `[0][pass]`).
    pub(super) values: BTreeMap<String, Vec<(String, String)>>,
    /// `options[name][option]`.
    pub(super) options: BTreeMap<(String, String), String>,
    /// `exclude[name][]`.
    pub(super) exclude: Vec<(String, String)>,
}

impl Params {
    /// From the query of a GET, or query and form of a POST. An error is what the CMR would say.
    pub(super) fn new(call: &Call) -> Result<Self, String> {
        let mut pairs = call.query.clone();
        if call.method == Method::POST {
            let kind = call.header("content-type").unwrap_or_default();
            if !call.body.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
                return Err(format!("The content type [{kind}] is not emulated; send a form"));
            }
            pairs.extend(parse_query(&String::from_utf8_lossy(&call.body)));
        }
        let mut params = Self::default();
        for (key, value) in pairs {
            let (name, rest) = key.split_at(key.find('[').unwrap_or(key.len()));
            let indices: Vec<&str> = rest.trim_start_matches('[').trim_end_matches(']').split("][").collect();
            match (name, &indices[..]) {
                ("options", [parameter, option]) => {
                    params.options.insert(((*parameter).to_owned(), (*option).to_owned()), value);
                }
                ("exclude", [parameter, ..]) => params.exclude.push(((*parameter).to_owned(), value)),
                _ => {
                    let group = if rest == "[]" { String::new() } else { rest.to_owned() };
                    params.values.entry(name.to_owned()).or_default().push((group, value));
                }
            }
        }
        Ok(params)
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.values.get(name).into_iter().flatten().map(|(_, value)| value.as_str()).collect()
    }

    /// The first value of a parameter.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// True if `options[name][option]` is.
    pub(super) fn option(&self, name: &str, option: &str) -> bool {
        self.options.get(&(name.to_owned(), option.to_owned())).is_some_and(|value| value == "true")
    }

    /// True unless `options[name][ignore_case]` is false.
    pub(super) fn ignores_case(&self, name: &str) -> bool {
        self.options.get(&(name.to_owned(), "ignore_case".to_owned())).is_none_or(|value| value != "false")
    }

    /// The same for all pages of one search.
    pub(super) fn key(&self) -> String {
        let mut same = self.clone();
        ["page_size", "page_num", "offset", "pretty"].iter().for_each(|name| drop(same.values.remove(*name)));
        format!("{same:?}")
    }
}

/// True if `text` is `pattern`, in which `*` stands for any text and `?` for one character.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            back = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star, from)) = back {
            back = Some((star, from + 1));
            (p, t) = (star + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("HLS.?30.T32*", "HLS.S30.T32TQT.x", true),
            ("*a*b", "xaxbxb", true),
            ("a?", "a", false),
            ("", "", true),
            ("*", "", true),
            ("abc", "ab", false),
            ("a*c", "ab", false),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
