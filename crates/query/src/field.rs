//! How the fields of a query are read, written and checked.

use serde_json::Value;

use crate::problem::{Problem, Unread, plain};

/// A value that cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Misread {
    given: Value,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Misread {
    pub(crate) fn new(given: &Value, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { given: given.clone(), message: message.into(), hint: hint.into() }
    }

    pub(crate) fn text(given: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(&given.into(), message, hint)
    }

    pub(crate) fn of(self, field: &str) -> Unread {
        Unread { field: field.to_owned(), given: self.given, message: self.message, hint: Some(self.hint) }
    }
}

/// One value of a field.
pub(crate) trait Item: Sized {
    /// What was given, cut into single values.
    fn split(given: Value) -> Vec<Value> {
        match given {
            Value::Array(all) => all,
            Value::Null => Vec::new(),
            one => vec![one],
        }
    }

    fn read(given: &Value) -> Result<Self, Misread>;

    /// The form that [`Self::read`] reads back as the same.
    fn write(&self) -> Value;

    /// A form that is not taken for a part of a longer value when it stands in a list.
    fn write_apart(&self) -> Value {
        self.write()
    }

    /// What no service takes.
    fn check(&self, _field: &str) -> Vec<Problem> {
        Vec::new()
    }
}

/// An [`Item`] that CMR takes as one text.
pub(crate) trait Wire: Item {
    /// `None` when it sets no condition.
    fn send(&self) -> Option<String>;

    /// Reads what CMR reads, with its meaning there.
    fn receive(text: &str) -> Result<Self, Misread>;
}

/// A field of a query.
pub(crate) trait Field {
    fn is_unset(&self) -> bool;
    /// Lists are added to, single values replaced, and `null` unsets.
    fn read(&mut self, given: Value) -> Vec<Misread>;
    fn write(&self) -> Value;
    /// Together with what could not be read, so that it is not read another time either.
    fn write_with(&self, unread: Vec<Value>) -> Value;
    fn check(&self, field: &str) -> Vec<Problem>;
}

impl<T: Item> Field for Vec<T> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }

    fn read(&mut self, given: Value) -> Vec<Misread> {
        if given.is_null() {
            self.clear();
        }
        T::split(given).iter().filter_map(|v| T::read(v).map(|item| self.push(item)).err()).collect()
    }

    fn write(&self) -> Value {
        if let [one] = &self[..]
            && T::split(one.write()) == [one.write()]
        {
            return one.write();
        }
        let all: Vec<Value> = self.iter().map(Item::write).collect();
        if T::split(all.clone().into()) == all { all.into() } else { self.iter().map(Item::write_apart).collect() }
    }

    fn write_with(&self, mut unread: Vec<Value>) -> Value {
        match (self.is_empty(), unread.pop()) {
            // In a list `null` is a value, alone it would unset the field; and a list alone might be cut up.
            (true, Some(only)) if unread.is_empty() && !only.is_null() && !only.is_array() => only,
            (_, last) => self.iter().map(Item::write_apart).chain(unread).chain(last).collect(),
        }
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        let name = |i: usize| if self.len() == 1 { field.to_owned() } else { format!("{field}[{i}]") };
        self.iter().enumerate().flat_map(|(i, item)| item.check(&name(i))).collect()
    }
}

impl<T: Item> Field for Option<T> {
    fn is_unset(&self) -> bool {
        self.is_none()
    }

    fn read(&mut self, given: Value) -> Vec<Misread> {
        if given.is_null() {
            *self = None;
            return Vec::new();
        }
        match T::read(&given) {
            Ok(item) => {
                *self = Some(item);
                Vec::new()
            }
            Err(e) => vec![e],
        }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Item::write)
    }

    /// What was given last.
    fn write_with(&self, mut unread: Vec<Value>) -> Value {
        unread.pop().unwrap_or_default()
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        self.iter().flat_map(|item| item.check(field)).collect()
    }
}

impl Item for String {
    fn read(given: &Value) -> Result<Self, Misread> {
        match given {
            Value::String(s) => Ok(s.trim().to_owned()),
            Value::Number(n) => Ok(n.to_string()),
            _ => Err(Misread::new(given, "is not a text", "write a text, or a list of texts")),
        }
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        if self.is_empty() { vec![Problem::wrong(field, self, "is empty", "leave it out, or give it a value")] } else { Vec::new() }
    }
}

impl Wire for String {
    fn send(&self) -> Option<String> {
        Some(self.clone())
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Ok(text.to_owned())
    }
}

impl Item for bool {
    fn read(given: &Value) -> Result<Self, Misread> {
        match plain(given).to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Misread::new(given, "is neither true nor false", "write `true` or `false`")),
        }
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Wire for bool {
    fn send(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

impl Item for u64 {
    fn read(given: &Value) -> Result<Self, Misread> {
        number(given)
            .filter(|n| n.fract() == 0.0 && (0.0..=9e15).contains(n))
            .map(|n| n as Self)
            .ok_or_else(|| Misread::new(given, "is not a whole number of 0 or more", "write a number such as `100`"))
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Wire for u64 {
    fn send(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

/// A finite number, also when written as a text.
pub(crate) fn number(given: &Value) -> Option<f64> {
    match given {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
    .filter(|n: &f64| n.is_finite())
}

/// A number without exponent and without more digits than it needs, as CMR's patterns ask for.
pub(crate) fn digits(n: f64) -> String {
    format!("{}", if n == 0.0 { 0.0 } else { n })
}

/// A whole number as one: `20`, not `20.0`.
pub(crate) fn json_number(n: f64) -> Value {
    if n.fract() == 0.0 && n.abs() < 9e15 { Value::from(n as i64) } else { Value::from(n) }
}

/// Declares the fields of a query: the struct, setters, reading and writing by name, and the names in CMR of those that are
/// parameters there.
macro_rules! query {
    (
        $(#[$doc:meta])*
        pub struct $name:ident {
            $( $(#[$field_doc:meta])* $field:ident: $type:ty $(=> $wire:literal)? ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
            /// What was given and could not be read: `validate` names it, and it is written back as it was given.
            pub unread: Vec<$crate::Unread>,
        }

        impl $name {
            /// The names of the fields.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            /// A query that asks for everything.
            pub fn new() -> Self {
                Self::default()
            }

            /// Gives a field a value, by the name of the field. Lists are added to, single values replaced, `null` unsets.
            #[must_use]
            pub fn with(mut self, field: &str, value: impl Into<$crate::Input>) -> Self {
                self.read(field, value.into().0);
                self
            }

            $(
                $(#[$field_doc])*
                #[must_use]
                pub fn $field(self, value: impl Into<$crate::Input>) -> Self {
                    self.with(stringify!($field), value)
                }
            )*

            fn read(&mut self, field: &str, given: serde_json::Value) {
                let (name, given) = match self.prepare(field, given) {
                    Ok(Some(prepared)) => prepared,
                    Ok(None) => return,
                    Err(e) => return self.unread.push(e.of(field)),
                };
                let misread = match name.as_str() {
                    $( stringify!($field) => $crate::field::Field::read(&mut self.$field, given), )*
                    _ => {
                        let hint = $crate::names::advice(field, Self::FIELDS);
                        vec![$crate::field::Misread::new(&given, "is given to a field that does not exist", hint)]
                    }
                };
                self.unread.extend(misread.into_iter().map(|e| e.of(field)));
            }

            /// What no service takes.
            fn check_fields(&self) -> Vec<$crate::Problem> {
                let mut all: Vec<_> = self.unread.iter().map($crate::Unread::problem).collect();
                $( all.extend($crate::field::Field::check(&self.$field, stringify!($field))); )*
                all
            }

            /// The fields that are set, with their values.
            pub(crate) fn written(&self) -> serde_json::Map<String, serde_json::Value> {
                let mut map = serde_json::Map::new();
                $( if !$crate::field::Field::is_unset(&self.$field) {
                    map.insert(stringify!($field).to_owned(), $crate::field::Field::write(&self.$field));
                } )*
                map
            }

            $crate::field::parameters! { $( $field $(=> $wire)? ),* }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = self.written();
                $(
                    let unread: Vec<_> = self.unread.iter().filter(|u| u.field == stringify!($field)).map(|u| u.given.clone()).collect();
                    if !unread.is_empty() {
                        map.insert(stringify!($field).to_owned(), $crate::field::Field::write_with(&self.$field, unread));
                    }
                )*
                for u in self.unread.iter().filter(|u| !Self::FIELDS.contains(&u.field.as_str())) {
                    map.insert(u.field.clone(), u.given.clone());
                }
                map.serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            /// Fails only where there is no object at all; what a field cannot read is kept in `unread`.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let map = serde_json::Map::deserialize(deserializer)?;
                let mut query = Self::default();
                for (field, value) in map {
                    query.read(&field, value);
                }
                Ok(query)
            }
        }
    };
}
pub(crate) use query;

/// Sending and receiving of the fields that are parameters in CMR.
macro_rules! parameters {
    ($( $field:ident $(=> $wire:literal)? ),*) => {
        /// The name in CMR of each field that has one there.
        #[allow(dead_code, reason = "not every query is of CMR")]
        pub(crate) const WIRE: &'static [(&'static str, &'static str)] = &[$( $( (stringify!($field), $wire), )? )*];

        #[allow(dead_code, reason = "not every query is of CMR")]
        fn send_fields(&self, out: &mut $crate::CmrParameters) {
            $( $( $crate::wire::WireField::send(&self.$field, $wire, out); )? )*
            let _ = out;
        }

        /// Takes a parameter of CMR; `None` when there is no field for it.
        #[allow(dead_code, reason = "not every query is of CMR")]
        fn receive_field(&mut self, name: &str, value: &str) -> Option<Result<(), $crate::field::Misread>> {
            let _ = value;
            match name {
                $( $( $wire => Some($crate::wire::WireField::receive(&mut self.$field, value)), )? )*
                _ => None,
            }
        }
    };
}
pub(crate) use parameters;
