//! Collections by the names under which they are typed.

use eocube::{
    BackendKind, Environment, Error, Result,
    query::{CollectionId, Query},
    search::{self, Asked, SearchService},
};

use crate::printer::Printer;

/// The question with collections under the names that CMR's granules have. CMR-STAC calls `HLSS30.v2.0` `HLSS30_2.0`, which may also be a short name: so
/// CMR is asked what such a name is.
pub(crate) async fn by_their_names(service: &SearchService, mut asked: Asked, environment: &Environment, printer: &Printer) -> Result<Asked> {
    if !matches!(service, SearchService::Cmr(_)) {
        return Ok(asked);
    }
    let of_file = match &mut asked.base {
        Some(Query::Granules(query)) => query.collections.iter_mut(),
        _ => Default::default(),
    };
    for id in asked.query.collections.iter_mut().chain(of_file).filter(|id| may_be_of_stac(id)) {
        let typed = id.to_string();
        match search::describe(service, &typed, environment).await {
            Ok(found) => {
                let name = |member: &str| found.umm().and_then(|record| record["umm"][member].as_str()).unwrap_or_default().to_owned();
                let (short_name, version) = (name("ShortName"), name("Version"));
                if short_name != typed {
                    printer.detail(format_args!("`{typed}` is `{}` in CMR", found.facts().id));
                    *id = CollectionId::Versioned { short_name, version };
                }
            }
            // That it is unknown is told when nothing is found.
            Err(error) if error.is_usage() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(asked)
}

/// Whether a name ends as those of CMR-STAC do: in `_` and a version (`HLSS30_2.0`, `TEMPO_NO2_L3_V03`).
fn may_be_of_stac(id: &CollectionId) -> bool {
    let CollectionId::Name(name) = id else { return false };
    let begins = |version: &str| version.trim_start_matches(['v', 'V']).starts_with(|c: char| c.is_ascii_digit());
    name.rsplit_once('_').is_some_and(|(name, version)| !name.is_empty() && begins(version)) && !has_wildcards(name)
}

/// Says of each collection that was asked for and does not exist what is called alike. Where something was found, it cannot be the only one that was asked
/// for; and a catalogue of files is not read once more for it.
pub(crate) async fn tell_unknown(service: &SearchService, asked: &Asked, is_found: bool, environment: &Environment, printer: &Printer) {
    let exact: Vec<String> = asked.query.collections.iter().map(ToString::to_string).filter(|id| !has_wildcards(id)).collect();
    if is_found && (exact.len() < 2 || is_of_files(service)) {
        return;
    }
    for id in exact {
        if let Err(error) = search::describe(service, &id, environment).await
            && is_unknown(&error)
        {
            printer.warn(&error);
            if let Some(hint) = error.hint() {
                printer.line(format_args!("{} {hint}", printer.paint.cyan("hint:")));
            }
        }
    }
}

/// The same error where one collection was named, and there is none of that name: what was typed is wrong.
pub(crate) fn wrongly_named(error: Error) -> Error {
    match error.hint() {
        Some(hint) if !error.is_usage() && is_unknown(&error) => Error::refused(error.to_string(), hint),
        _ => error,
    }
}

/// Whether a service does not know what it was asked for, as against a service that does not answer.
fn is_unknown(error: &Error) -> bool {
    error.is_usage() || matches!(error, Error::Backend(e) if e.kind() == BackendKind::NotFound)
}

fn is_of_files(service: &SearchService) -> bool {
    let SearchService::Stac(url) = service else { return false };
    !url.starts_with("http") || [".json", ".geojson", ".ndjson", ".parquet"].iter().any(|ending| url.ends_with(ending))
}

fn has_wildcards(name: &str) -> bool {
    name.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cmr_stac_are_known_by_their_end() {
        for (id, is) in [("HLSS30_2.0", true), ("HLSS30.v2.0", false), ("HLSS30", false), ("ATL08_*", false), ("_2.0", false), ("C1-P", false)] {
            assert_eq!(may_be_of_stac(&CollectionId::parse(id)), is, "{id}");
        }
    }
}
