//! Records that differ in a few places: the text between those places is made once.

use serde_json::Value;

/// A JSON text with gaps.
#[derive(Debug)]
pub(super) struct Template {
    /// Text, and the number of the field that follows it.
    parts: Vec<(String, usize)>,
    tail: String,
    length: usize,
}

impl Template {
    /// From a value whose texts hold `<<field>>`; a text that is `<<raw:field>>` and nothing else stands for any JSON.
    pub(super) fn new(value: &Value, fields: &[&str]) -> Self {
        // serde_json escapes control characters, so that this one is nobody else's.
        let text = fields.iter().enumerate().fold(value.to_string(), |text, (number, field)| {
            let gap = format!("\u{1}{number}\u{1}");
            text.replace(&format!("\"<<raw:{field}>>\""), &gap).replace(&format!("<<{field}>>"), &gap)
        });
        let pieces: Vec<&str> = text.split('\u{1}').collect();
        let parts = pieces.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap_or_default()));
        let tail = pieces.last().copied().unwrap_or_default().to_owned();
        Self { parts: parts.collect(), tail, length: text.len() }
    }

    /// Adds the record with these fields to a text.
    pub(super) fn render(&self, fields: &[String], out: &mut String) {
        out.reserve(self.length + self.parts.len() * 32);
        for (text, field) in &self.parts {
            out.push_str(text);
            out.push_str(fields.get(*field).map_or("", String::as_str));
        }
        out.push_str(&self.tail);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_fill_texts_and_raw_places() {
        let template =
            Template::new(&json!({ "a": "<<raw:n>>", "b": "x<<t>>", "c": ["<<t>>y", "<<t>>", "plain"], "d": { "e": "<<raw:n>>" } }), &["n", "t"]);
        let mut out = String::new();
        template.render(&["[1, 2]".into(), "text".into()], &mut out);
        let value: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(value, json!({ "a": [1, 2], "b": "xtext", "c": ["texty", "text", "plain"], "d": { "e": [1, 2] } }));
    }
}
