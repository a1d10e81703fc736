//! The netrc file: read as curl, wget and Python do, and changed without touching what others wrote in it.
//!
//! Where they differ: of several entries of one machine the first that is whole counts (curl, wget; Python takes the last), `default` only where no entry
//! names the machine (wget, Python; curl takes what comes first), a backslash hides the next character (wget, Python), and a value may begin with `#`
//! (Python). What is no netrc is an error (Python).

use std::{io, ops::Range, path::Path};

use crate::{Secret, vault::write_private};

/// User and password of one machine, as far as the file states them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    pub(crate) login: Option<String>,
    pub(crate) password: Option<Secret>,
    /// Whether another entry of the same machine says something else.
    pub(crate) is_disputed: bool,
}

impl Entry {
    fn is_whole(&self) -> bool {
        self.login.is_some() && self.password.is_some()
    }
}

/// An entry with its place in the text.
#[derive(Debug)]
struct Found {
    /// `None`: the entry `default`.
    machine: Option<String>,
    entry: Entry,
    span: Range<usize>,
}

impl Found {
    fn is_of(&self, machine: &str) -> bool {
        self.machine.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(machine))
    }
}

/// The entry of the first of these machines that the text has, else its `default`. An error names the line that cannot be understood.
pub(crate) fn find(text: &str, machines: &[String]) -> Result<Option<Entry>, String> {
    let found = parse(text)?;
    let those = |wanted: &dyn Fn(&Found) -> bool| found.iter().filter(|f| wanted(f)).map(|f| &f.entry).collect::<Vec<_>>();
    let named = machines.iter().map(|machine| those(&|f| f.is_of(machine))).find(|entries| !entries.is_empty());
    let entries = named.unwrap_or_else(|| those(&|f| f.machine.is_none()));
    let Some(first) = entries.iter().copied().find(|e| e.is_whole()).or(entries.first().copied()) else { return Ok(None) };
    let is_disputed = entries.iter().any(|e| e.is_whole() && *e != first);
    Ok(Some(Entry { is_disputed, ..first.clone() }))
}

/// Writes an entry into the file (0600), in the place of an older one of the same machine; all else stays as it is.
pub(crate) fn save(path: &Path, machine: &str, login: &str, password: &Secret) -> io::Result<()> {
    let text = read_or_empty(path)?;
    let text = without(&text, machine).map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?;
    let entry = format!("machine {machine}\n    login {}\n    password {}\n", quoted(login), quoted(password.expose()));
    // Readers stop at `default`: what follows it is never found.
    let found = parse(&text).map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?;
    let at = found.iter().find(|f| f.machine.is_none()).map_or(text.len(), |f| f.span.start);
    let (before, after) = text.split_at(at);
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    write_private(path, zeroize::Zeroizing::new(format!("{before}{gap}{entry}{after}")).as_bytes())
}

/// Removes the entry of a machine; whether there was one.
pub(crate) fn remove(path: &Path, machine: &str) -> io::Result<bool> {
    let text = read_or_empty(path)?;
    let rest = without(&text, machine).map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?;
    if rest == text {
        return Ok(false);
    }
    write_private(path, rest.as_bytes())?;
    Ok(true)
}

fn read_or_empty(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

fn without(text: &str, machine: &str) -> Result<String, String> {
    let mut rest = text.to_owned();
    for found in parse(text)?.iter().rev().filter(|f| f.is_of(machine)) {
        rest.replace_range(found.span.clone(), "");
    }
    Ok(rest)
}

fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty() && !text.starts_with('#') && !text.chars().any(|c| c.is_whitespace() || matches!(c, '"' | '\\'));
    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

fn parse(text: &str) -> Result<Vec<Found>, String> {
    let mut words = Words { text, at: 0 };
    let mut found: Vec<Found> = Vec::new();
    let mut is_open = false;
    while let Some((start, word)) = words.key()? {
        let line = || line_of(text, start);
        let mut value = |of: &str| Ok::<_, String>(words.next()?.ok_or_else(|| format!("line {}: `{of}` without a value", line()))?.1);
        match word.as_str() {
            "machine" | "default" => {
                let machine = if word == "machine" { Some(value("machine")?) } else { None };
                found.push(Found { machine, entry: Entry::default(), span: start..words.at });
                is_open = true;
            }
            "login" | "user" | "password" | "account" if is_open => {
                let value = value(&word)?;
                let Some(last) = found.last_mut() else { continue };
                match word.as_str() {
                    "password" => last.entry.password = Some(Secret::new(value)),
                    "account" => {}
                    _ => last.entry.login = Some(value),
                }
                last.span.end = words.at;
            }
            "macdef" => {
                words.skip_macro();
                is_open = false;
            }
            // The word itself may be half of a password.
            _ => return Err(format!("line {}: neither `machine`, `default`, `login`, `password`, `account` nor `macdef`", line())),
        }
    }
    for f in &mut found {
        f.span.end += text[f.span.end..].find('\n').filter(|n| text[f.span.end..][..*n].trim().is_empty()).map_or(0, |n| n + 1);
    }
    Ok(found)
}

/// The line of a place in a text, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl Words<'_> {
    /// The next word where a key is expected: comments are left out. (A value may begin with `#`.)
    fn key(&mut self) -> Result<Option<(usize, String)>, String> {
        loop {
            self.skip_space();
            let rest = &self.text[self.at..];
            if !rest.starts_with('#') {
                return self.next();
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The next word with its place; quotes and backslashes undone.
    fn next(&mut self) -> Result<Option<(usize, String)>, String> {
        self.skip_space();
        let start = self.at;
        let mut chars = self.text[start..].char_indices().peekable();
        let Some((_, first)) = chars.peek().copied() else { return Ok(None) };
        let is_quoted = first == '"';
        if is_quoted {
            chars.next();
        }
        let mut word = String::new();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' if is_quoted => {
                    self.at = start + i + 1;
                    return Ok(Some((start, word)));
                }
                '\\' => word.extend(chars.next().map(|(_, c)| c)),
                c if !is_quoted && c.is_whitespace() => {
                    self.at = start + i;
                    return Ok(Some((start, word)));
                }
                c => word.push(c),
            }
        }
        self.at = self.text.len();
        if is_quoted {
            return Err(format!("line {}: a quote is not closed", line_of(self.text, start)));
        }
        Ok(Some((start, word)))
    }

    /// A macro ends at an empty line.
    fn skip_macro(&mut self) {
        let mut lines = self.text[self.at..].split_inclusive('\n');
        let first = lines.next().map_or(0, str::len);
        let own = lines.take_while(|line| !line.trim().is_empty());
        self.at += first + own.map(str::len).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "urs.earthdata.nasa.gov";

    fn pair(text: &str) -> Option<(String, String)> {
        let entry = find(text, &[HOST.to_owned()]).expect("a netrc")?;
        Some((entry.login?, entry.password?.expose().to_owned()))
    }

    #[test]
    fn every_form_is_read() {
        let wanted = Some(("gaia".to_owned(), "s3cret".to_owned()));
        for text in [
            "machine urs.earthdata.nasa.gov login gaia password s3cret",
            "machine urs.earthdata.nasa.gov\n\tlogin gaia\n\tpassword s3cret\n",
            "# mine\nmachine other login a password b\nmachine urs.earthdata.nasa.gov password s3cret login gaia # here\n",
            "machine urs.earthdata.nasa.gov login gaia\n# one\n  # two\npassword s3cret",
            "machine other login a password b\ndefault login gaia password s3cret",
            "macdef init\nmachine fake login x\n\nmachine URS.earthdata.nasa.gov user gaia account x password \"s3cret\"",
            "macdef init\r\nmachine fake login x\r\n\r\nmachine urs.earthdata.nasa.gov login gaia password s3cret\r\n",
            "machine urs.earthdata.nasa.gov login gaia password s3cret\r\nmachine b login c password d\r\n",
        ] {
            assert_eq!(pair(text), wanted, "{text}");
        }
        assert_eq!(pair("machine urs.earthdata.nasa.gov login g password \"a b\\\"c\\\\d\""), Some(("g".into(), "a b\"c\\d".into())));
        assert_eq!(pair("machine urs.earthdata.nasa.gov login g password p#1"), Some(("g".into(), "p#1".into())));
        assert_eq!(pair("machine urs.earthdata.nasa.gov login g password #1"), Some(("g".into(), "#1".into())));
        assert_eq!(pair("machine other login a password b"), None);
        assert_eq!(pair(""), None);
        assert_eq!(pair("machine urs.earthdata.nasa.gov login gaia"), None, "without a password");
    }

    #[test]
    fn what_cannot_be_read_is_named_without_its_words() {
        for (text, line) in [
            ("machine a\nlogin b\npasswort s3cret", 3),
            ("machine a login", 1),
            ("\n  machine a login \"b", 2),
            ("login a password s3cret", 1),
            ("machine a\nmacdef x\ncd /\n\nlogin s3cret", 5),
        ] {
            let problem = find(text, &[HOST.to_owned()]).expect_err(text);
            assert!(problem.starts_with(&format!("line {line}: ")) && !problem.contains("s3cret"), "{problem}");
        }
    }

    /// As curl 7.88 and wget 1.21 were seen to do; Python takes the last.
    #[test]
    fn of_several_entries_the_first_whole_one_counts() {
        let own = |rest: &str| format!("machine {HOST} {rest}\n");
        let (a, b, default) = (own("login a password 1"), own("login b password 2"), "default login d password 9\n");
        for (text, login, is_disputed) in [
            (format!("{a}{b}"), "a", true),
            (format!("{a}{a}"), "a", false),
            (format!("{a}machine URS.earthdata.nasa.gov login b password 2"), "a", true),
            (format!("{}{b}", own("login a")), "b", false),
            (format!("{}{b}", own("password 1")), "b", false),
            (format!("{default}{b}"), "b", false),
            (format!("{b}{default}"), "b", false),
        ] {
            let entry = find(&text, &[HOST.to_owned()]).expect("a netrc").expect("an entry");
            assert_eq!((entry.login.as_deref(), entry.is_disputed), (Some(login), is_disputed), "{text}");
        }
    }

    #[test]
    fn other_entries_survive_saving_and_removing() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(".netrc");
        let others = "# kept\nmachine a login b password c\n\nmacdef init\ncd /\n\n";
        let old = format!("machine {HOST} login old password old\nmachine URS.earthdata.nasa.gov login old password old\n");
        std::fs::write(&path, format!("{others}{old}default login x password y\n"))?;
        for password in ["new", "with space\"\\ #", "#hash", "é"] {
            save(&path, HOST, "gaia", &Secret::new(password))?;
            let text = std::fs::read_to_string(&path)?;
            assert_eq!(pair(&text), Some(("gaia".into(), password.into())), "{text}");
            assert!(text.starts_with(others) && text.ends_with("default login x password y\n") && !text.contains("old"), "{text}");
        }
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path)?.permissions()) & 0o777, 0o600);
        assert!(remove(&path, HOST)?);
        assert_eq!(std::fs::read_to_string(&path)?, format!("{others}default login x password y\n"));
        assert!(!remove(&path, HOST)? && !remove(&folder.path().join("none"), HOST)?);
        let fresh = folder.path().join("fresh");
        save(&fresh, HOST, "gaia", &Secret::new("p"))?;
        assert!(pair(&std::fs::read_to_string(&fresh)?).is_some());
        std::fs::write(&fresh, "machine a login b password c")?;
        save(&fresh, HOST, "gaia", &Secret::new("p"))?;
        assert!(std::fs::read_to_string(&fresh)?.starts_with("machine a login b password c\nmachine "));
        Ok(())
    }
}
