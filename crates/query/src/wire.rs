//! Parameters as CMR takes them.

use serde::{Deserialize, Serialize};

use crate::field::{Misread, Wire};

/// Parameters of a CMR search: names and values, not yet percent-encoded, in the order in which they are sent.
///
/// A list is its name with `[]`, once for each value; an option is `options[parameter][key]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CmrParameters(pub Vec<(String, String)>);

impl CmrParameters {
    /// Reads the part of a URL after the `?`, or the body of a form POST.
    pub fn from_query_string(text: &str) -> Self {
        Self(url::form_urlencoded::parse(text.trim_start_matches('?').as_bytes()).into_owned().collect())
    }

    /// The part of a URL after the `?`, percent-encoded; also the body of a form POST.
    pub fn to_query_string(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The values of a parameter, named with or without `[]`.
    pub fn get<'a>(&'a self, name: &str) -> Vec<&'a str> {
        let name = name.trim_end_matches("[]");
        self.0.iter().filter(|(n, _)| n.trim_end_matches("[]") == name).map(|(_, v)| v.as_str()).collect()
    }

    /// Whether they go into a GET request: above 6,000 characters CMR asks for POST. Leaves room for the address itself.
    pub fn fits_get(&self) -> bool {
        self.to_query_string().len() <= 5_800
    }

    pub(crate) fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    pub(crate) fn push_all<T: AsRef<str>>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        for value in values {
            self.push(format!("{name}[]"), value.as_ref());
        }
    }
}

impl FromIterator<(String, String)> for CmrParameters {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for CmrParameters {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        pairs.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }
}

/// A field that is a parameter in CMR.
pub(crate) trait WireField {
    fn send(&self, name: &str, out: &mut CmrParameters);
    fn receive(&mut self, value: &str) -> Result<(), Misread>;
}

impl<T: Wire> WireField for Vec<T> {
    fn send(&self, name: &str, out: &mut CmrParameters) {
        out.push_all(name, self.iter().filter_map(Wire::send));
    }

    fn receive(&mut self, value: &str) -> Result<(), Misread> {
        T::receive(value).map(|item| self.push(item))
    }
}

impl<T: Wire> WireField for Option<T> {
    fn send(&self, name: &str, out: &mut CmrParameters) {
        if let Some(value) = self.as_ref().and_then(Wire::send) {
            out.push(name, value);
        }
    }

    fn receive(&mut self, value: &str) -> Result<(), Misread> {
        if self.is_some() {
            return Err(Misread::text(value, "is a second value of a parameter that has one", "give one value"));
        }
        *self = Some(T::receive(value)?);
        Ok(())
    }
}

/// `a[b][0]` as `a`, `b`, `0`, the first with `_` for `-`; an empty last pair of brackets, which marks a list, is left out.
pub(crate) fn path(name: &str) -> Vec<String> {
    let mut parts = name.split('[').map(|p| p.trim_end_matches(']'));
    let first = parts.next().unwrap_or_default().replace('-', "_");
    std::iter::once(first).chain(parts.filter(|p| !p.is_empty()).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(path("short-name[]"), ["short_name"]);
        assert_eq!(path("options[short_name][pattern]"), ["options", "short_name", "pattern"]);
        assert_eq!(path("passes[0][tiles][]"), ["passes", "0", "tiles"]);
    }

    #[test]
    fn query_strings_are_read_back() {
        let text = "temporal%5B%5D=2024-02-27T00%3A00%3A00Z%2C&short_name=A+B%26C";
        let parameters = CmrParameters::from_query_string(text);
        assert_eq!(parameters.0[0], ("temporal[]".into(), "2024-02-27T00:00:00Z,".into()));
        assert_eq!(parameters.get("short_name"), ["A B&C"]);
        assert_eq!(parameters.to_query_string(), text);
    }
}
