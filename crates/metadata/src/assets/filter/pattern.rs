//! What a text is compared with: a glob or a regular expression.

use regex::{Regex, RegexBuilder};

use crate::assets::formats::{self, Format, MediaType};

/// A glob, or a regular expression between slashes, ready to be compared.
///
/// Globs do not mind the case of ASCII letters and speak of the whole text: `*` any characters, `?` one, `[abc]`, `[a-z]`, `[!a]` one of, one of not,
/// `{a,b}` either, `\` before a character takes away its meaning. Regular expressions are those of the crate `regex`: they find their match anywhere
/// in the text, mind the case (`(?i)` changes that), and take time in proportion to the length of the text.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    source: Source,
    test: Test,
    /// The format that a plain word or media type names.
    format: Option<&'static Format>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Glob(String),
    Regex(String),
}

/// The texts are in lower case; other letters than ASCII are left to `Expression`.
#[derive(Debug, Clone)]
enum Test {
    Anything,
    Exactly(String),
    Begins(String),
    Ends(String),
    Contains(String),
    Expression(Regex),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// What is wrong with a glob or a regular expression: byte in it, message, hint.
pub(super) struct Malformed(pub(super) usize, pub(super) String, pub(super) String);

impl Pattern {
    pub(super) fn glob(text: &str) -> Result<Self, Malformed> {
        if text.is_empty() {
            return Err(Malformed(0, "there is nothing to compare with".into(), "write `*` for anything".into()));
        }
        let pieces = pieces(text)?;
        let test = Test::of(&pieces, text)?;
        let format = match &test {
            Test::Exactly(word) if word.contains('/') => formats::of_media_type(word),
            Test::Exactly(word) => formats::of_short_name(word),
            _ => None,
        };
        Ok(Self { source: Source::Glob(text.into()), test, format })
    }

    pub(super) fn regex(text: &str) -> Result<Self, Malformed> {
        let regex = Regex::new(text).map_err(|e| {
            let at = if let regex::Error::Syntax(_) = &e { 0 } else { text.len() };
            Malformed(
                at,
                format!("`/{text}/` is not a regular expression: {}", last_line(&e)),
                "see https://docs.rs/regex#syntax; `name:*part*` needs none".into(),
            )
        })?;
        Ok(Self { source: Source::Regex(with_slashes_escaped(text)), test: Test::Expression(regex), format: None })
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn is_regex(&self) -> bool {
        matches!(self.source, Source::Regex(_))
    }

    /// The word, where it has no wildcards; in lower case.
    pub(super) fn plain(&self) -> Option<&str> {
        if let Test::Exactly(word) = &self.test { Some(word) } else { None }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match &self.test {
            Test::Anything => true,
            Test::Exactly(word) => text.eq_ignore_ascii_case(word),
            Test::Begins(start) => text.as_bytes().get(..start.len()).is_some_and(|t| t.eq_ignore_ascii_case(start.as_bytes())),
            Test::Ends(end) => {
                let from = text.len().checked_sub(end.len());
                from.is_some_and(|from| text.as_bytes()[from..].eq_ignore_ascii_case(end.as_bytes()))
            }
            Test::Contains(part) => occurrences(text.as_bytes(), part.as_bytes()).next().is_some(),
            Test::Expression(regex) => regex.is_match(text),
        }
    }

    /// Is a plain word the whole name, or a part of it between characters that are neither letter nor digit? A pattern speaks of the whole name.
    pub(super) fn matches_name(&self, name: &str) -> bool {
        let Test::Exactly(word) = &self.test else {
            return self.matches(name);
        };
        let bytes = name.as_bytes();
        let free = |at: Option<&u8>| at.is_none_or(|b| !b.is_ascii_alphanumeric() && b.is_ascii());
        let apart = |start: usize| free(start.checked_sub(1).and_then(|i| bytes.get(i))) && free(bytes.get(start + word.len()));
        occurrences(bytes, word.as_bytes()).any(apart)
    }

    /// A plain word that is neither a media type nor a short name of one fits no media type.
    pub(super) fn speaks_of_media_types(&self) -> bool {
        self.format.is_some() || self.plain().is_none_or(|word| word.contains('/'))
    }

    /// Is a media type of the format that it names, or does it fit the pattern? Parameters that the pattern does not name do not matter.
    pub(super) fn matches_media_type(&self, media_type: &str) -> bool {
        let stated = MediaType::read(media_type);
        let Test::Exactly(word) = &self.test else {
            return self.matches(media_type) || self.matches(stated.essence());
        };
        let same_format = || self.format.zip(formats::of_media_type(media_type)).is_some_and(|(wanted, own)| own.is_a(wanted));
        if word.contains(';') { stated.is_a(&MediaType::read(word)) } else { stated.essence().eq_ignore_ascii_case(word) || same_format() }
    }
}

/// The same expression, able to stand between slashes.
fn with_slashes_escaped(regex: &str) -> String {
    let mut out = String::with_capacity(regex.len());
    let mut escaped = false;
    for c in regex.chars() {
        if c == '/' && !escaped {
            out.push('\\');
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out
}

/// Where `part` (in lower case) begins in `text`.
fn occurrences<'a>(text: &'a [u8], part: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = part.first().copied().unwrap_or_default();
    let starts = text.len().checked_sub(part.len()).map_or(0..0, |last| 0..last + 1);
    starts.filter(move |i| text[*i].to_ascii_lowercase() == first && text[*i..*i + part.len()].eq_ignore_ascii_case(part))
}

fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
}

/// A glob in its parts.
#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    /// `*`
    Run,
    /// `?`
    One,
    /// `[a-z]`, `[!a]`: ready for a regular expression.
    Class(String),
    /// `{`, `,`, `}`
    Open,
    Either,
    Close,
}

fn pieces(glob: &str) -> Result<Vec<Piece>, Malformed> {
    let mut out = Vec::new();
    let mut open = Vec::new();
    let mut chars = glob.char_indices();
    while let Some((at, c)) = chars.next() {
        let piece = match c {
            '*' if out.last() == Some(&Piece::Run) => continue,
            '*' => Piece::Run,
            '?' => Piece::One,
            '[' => Piece::Class(class(at, &mut chars)?),
            '{' => {
                open.push(at);
                Piece::Open
            }
            ',' if !open.is_empty() => Piece::Either,
            '}' if open.pop().is_some() => Piece::Close,
            '\\' => Piece::Text(chars.next().ok_or_else(|| Malformed(at, "nothing follows `\\`".into(), "write `\\\\` for `\\`".into()))?.1.into()),
            c => Piece::Text(c.into()),
        };
        match (out.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (_, piece) => out.push(piece),
        }
    }
    match open.pop() {
        Some(at) => Err(Malformed(at, "`{` is not closed".into(), "write `{a,b}`, or `[{]` for the character itself".into())),
        None => Ok(out),
    }
}

/// A class from behind its `[` to its `]`, as a regular expression writes it.
fn class(at: usize, chars: &mut std::str::CharIndices<'_>) -> Result<String, Malformed> {
    let mut inside = Vec::new();
    let mut out = String::from("[");
    loop {
        let (_, c) =
            chars.next().ok_or_else(|| Malformed(at, "`[` is not closed".into(), "write `[abc]`, or `[[]` for the character itself".into()))?;
        match c {
            '!' | '^' if inside.is_empty() && out == "[" => out.push('^'),
            // A `]` in the first place is meant as the character.
            ']' if !inside.is_empty() => break,
            c => inside.push(c),
        }
    }
    let mut rest = inside.as_slice();
    while let [first, after @ ..] = rest {
        let last = if let ['-', last, ..] = after { last } else { first };
        if last < first {
            let message = format!("`{first}-{last}` is no range of characters");
            return Err(Malformed(at, message, format!("write the lower end first: `[{last}-{first}]`")));
        }
        let escape = |c: &char| regex::escape(c.encode_utf8(&mut [0; 4]));
        out.push_str(&format!("{}-{}", escape(first), escape(last)));
        rest = if let ['-', _, after @ ..] = after { after } else { after };
    }
    out.push(']');
    Ok(out)
}

impl Test {
    fn of(pieces: &[Piece], glob: &str) -> Result<Self, Malformed> {
        let lower = |text: &String| text.to_ascii_lowercase();
        Ok(match pieces {
            [Piece::Run] => Self::Anything,
            [Piece::Text(text)] if text.is_ascii() => Self::Exactly(lower(text)),
            [Piece::Text(text), Piece::Run] if text.is_ascii() => Self::Begins(lower(text)),
            [Piece::Run, Piece::Text(text)] if text.is_ascii() => Self::Ends(lower(text)),
            [Piece::Run, Piece::Text(text), Piece::Run] if text.is_ascii() => Self::Contains(lower(text)),
            pieces => {
                let parts = pieces.iter().map(|piece| match piece {
                    Piece::Text(text) => regex::escape(text),
                    Piece::Run => ".*".into(),
                    Piece::One => ".".into(),
                    Piece::Class(class) => class.clone(),
                    Piece::Open => "(?:".into(),
                    Piece::Either => "|".into(),
                    Piece::Close => ")".into(),
                });
                let expression: String = std::iter::once("^".to_owned()).chain(parts).chain(["$".to_owned()]).collect();
                let built = RegexBuilder::new(&expression).case_insensitive(true).dot_matches_new_line(true).build();
                Self::Expression(
                    built.map_err(|e| Malformed(0, format!("`{glob}` is too large: {}", last_line(&e)), "write a shorter pattern".into()))?,
                )
            }
        })
    }
}
