//! Agrees with `serde_json` on what is JSON, and on what it says.

use serde_json::Value;

use super::{Fault, Raw, Reader, Writer, parse};

const DOCUMENTS: [&str; 24] = [
    r#"{"a": [1, -0, 2.5e-3, 1E5, 0.1], "b": {"c": null, "d": true}, "": false}"#,
    r#""\u00fc \ud83d\ude00 \" \\ \/ \b\f\n\r\t ü 😀""#,
    r#"{"a long text without any escape in it, beyond sixteen bytes": "and another one \u0041"}"#,
    "[[[]], {}, [{}]]",
    " \t\r\n[1 , 2 ]\n",
    "12345678901234567890",
    "-40.35812957405553",
    "{\n  \"pretty\": \"printed text, with more than sixteen bytes\"\n}",
    "",
    "nul",
    "[1,]",
    "{\"a\" 1}",
    "{\"a\": 1,}",
    "{1: 2}",
    "01",
    "1.",
    "-",
    "1e",
    "\"\\x\"",
    "\"\\ud83d\"",
    "\"a\nb\"",
    "\"open",
    "[1] 2",
    "\"sixteen bytes and more\u{1}\"",
];

fn agrees(text: &str) {
    let theirs = serde_json::from_str::<Value>(text);
    let ours = parse(text);
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{text:?}: {ours:?} and {theirs:?}");
    if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
        assert!(says_the_same(&ours, &theirs), "{text:?}: {ours} and {theirs}");
        assert_eq!(parse(&ours.to_string()).ok(), Some(ours));
    }
}

/// The last digit of a double may be another: ours is the standard library's.
fn says_the_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| (a - b).abs() <= 1e-15 * b.abs()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| says_the_same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|b| says_the_same(value, b)))
        }
        _ => a == b,
    }
}

#[test]
fn what_is_json_is_agreed_on() {
    for text in DOCUMENTS {
        agrees(text);
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            agrees(&text[..end]);
        }
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            for odd in ["\"", "\\", "{", "}", "[", "]", ",", ":", "0", "e", "\u{7}", " ", "ü"] {
                agrees(&format!("{}{odd}{}", &text[..at], &text[at..]));
            }
        }
    }
}

/// Wherever a block of bytes may end.
fn moved(text: &str) -> impl Iterator<Item = String> {
    (0..130).map(move |length| format!("[\"{}\",{text}]", "x".repeat(length)))
}

#[test]
fn what_is_json_is_agreed_on_wherever_it_stands() {
    DOCUMENTS.into_iter().flat_map(moved).for_each(|text| agrees(&text));
}

#[test]
fn brackets_tell_where_a_value_ends() {
    let texts = [r#"{"a": "}]\"{[\\", "\\\"}": [{"ü]": "{{{"}, "[\\"], "b": {}}"#, r#"[[[[]]], {"}}}}": []}, "\\\\\\"]"#, "{\n}"];
    let mut compared = 0;
    for text in texts.into_iter().flat_map(moved) {
        for after in ["", "}", ",\"{", " \"", "]]]"] {
            let whole = format!("{text}{after}");
            let (found, checked) = (Reader::new(&whole).leap(), Reader::new(&whole).raw());
            assert_eq!((found, checked), (Ok(Raw(&text)), Ok(Raw(&text))), "{whole}");
            compared += 1;
        }
        for end in (1..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert_eq!(Reader::new(&text[..end]).leap(), Err(Fault::Unclosed), "{}", &text[..end]);
        }
    }
    assert_eq!(compared, 3 * 130 * 5);
    assert_eq!(Reader::new(" \"]\" 1").leap(), Ok(Raw("\"]\"")), "what has no brackets is read");
}

#[test]
fn what_is_read_is_what_was_said() {
    for text in &DOCUMENTS[..5] {
        assert_eq!(parse(text).ok(), serde_json::from_str(text).ok());
    }
    assert_eq!(parse("-40.35812957405553").ok(), Some(Value::from(-40.358_129_574_055_53)));
}

#[test]
fn depth_is_bounded() {
    assert!(parse(&"[".repeat(1_000_000)).is_err());
    assert!(parse(&format!("{}{}", "[".repeat(100), "]".repeat(100))).is_ok());
    assert!(parse("1e999").is_err());
}

#[test]
fn texts_are_written_as_they_were_said() {
    for text in ["plain", "sixteen bytes and more", "\"\\\n\r\t\u{1}\u{1f} after", "ü😀", ""] {
        let mut out = Vec::new();
        Writer::new(&mut out).any(text);
        assert_eq!(serde_json::from_slice::<String>(&out).ok().as_deref(), Some(text));
    }
}

#[test]
fn values_keep_to_one_line() {
    let mut out = Vec::new();
    Writer::new(&mut out).raw(Raw("{\r\n \"a\": \"b\\nc\"\n}"));
    assert_eq!(String::from_utf8(out).ok().as_deref(), Some("{ \"a\": \"b\\nc\"}"));
}

#[test]
fn texts_are_borrowed_unless_they_held_escapes() {
    let mut reader = Reader::new(r#"["plain", "\u0041"]"#);
    let mut borrowed = Vec::new();
    let read = reader.array(|reader| {
        borrowed.push(matches!(reader.text()?, Some(std::borrow::Cow::Borrowed(_))));
        Ok(())
    });
    assert_eq!((read, borrowed), (Ok(Some(())), vec![true, false]));
}
