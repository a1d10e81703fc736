//! A variable element as it is written.

use cube_core::{DType, Number};
use cube_manifest::{Padding, Reason, Refusal};

use super::{
    attributes::{Attributes, number_type},
    chunks::{Layout, Refuse},
    document::Document,
    error::{Error, Fault},
    values,
    xml::{Cursor, Tag, shortened},
};

/// What an element of a variable is, by the name of its XML element.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Number(DType),
    Enumeration(DType, Vec<(String, Number)>),
    Character,
    Text,
    Opaque,
    /// By name.
    Other(&'static str),
}

/// A variable as it is read, before its parts are put together.
pub(super) struct Draft {
    pub(super) name: String,
    /// Full path.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) dimensions: Vec<Option<String>>,
    pub(super) shape: Vec<u64>,
    pub(super) attributes: Attributes,
    /// `chunks`, or a `chunk` outside of one.
    pub(super) layout: Option<Layout>,
    pub(super) compact: Option<Vec<u8>>,
    pub(super) missing_data: Option<Vec<u8>>,
    pub(super) texts: Option<Vec<String>>,
    pub(super) fixed_text: Option<(u32, Padding)>,
    pub(super) refuse: Refuse,
}

/// The kind of variable that an element of this name declares; `None` when it declares none.
pub(super) fn kind(element: &str) -> Option<Kind> {
    Some(match element {
        "Char" => Kind::Character,
        "String" | "URL" | "Url" => Kind::Text,
        "Opaque" => Kind::Opaque,
        // Its type follows from the enumeration that it names.
        "Enum" => Kind::Other("enumeration that is not declared"),
        "Structure" => Kind::Other("structure"),
        "Sequence" => Kind::Other("sequence"),
        "Grid" => Kind::Other("grid"),
        name => Kind::Number(number_type(name)?),
    })
}

impl Draft {
    /// Reads the open element of a variable, in the group at `group`, to its end.
    pub(super) fn read<'x>(document: &mut Document<'_>, cursor: &mut Cursor<'x>, tag: &Tag<'x>, group: &str, kind: Kind) -> Result<Self, Error> {
        let name = tag.required(cursor, "name")?.into_owned();
        let mut draft = Self {
            path: format!("{group}/{name}"),
            name,
            kind,
            dimensions: Vec::new(),
            shape: Vec::new(),
            attributes: Attributes::default(),
            layout: None,
            compact: None,
            missing_data: None,
            texts: None,
            fixed_text: None,
            refuse: Refuse::default(),
        };
        if !is_part_of_path(&draft.name) {
            let refusal = Refusal::new(Reason::Inconsistent, format!("`{}` cannot be part of a path", shortened(&draft.name)));
            draft.refuse.value::<()>(Err(refusal));
        }
        if tag.name() == "Enum" {
            let enumeration = tag.required(cursor, "enum")?;
            match document.enumeration(group, &enumeration) {
                Some(enumeration) => {
                    if let Some((dtype, values)) = draft.refuse.value(enumeration) {
                        draft.kind = Kind::Enumeration(dtype, values);
                    }
                }
                None => draft.kind = Kind::Other("enumeration that is not declared"),
            }
        }
        cursor.children(|cursor, tag| draft.read_child(document, cursor, tag, group))?;
        Ok(draft)
    }

    fn read_child<'x>(&mut self, document: &mut Document<'_>, cursor: &mut Cursor<'x>, tag: &Tag<'x>, group: &str) -> Result<(), Error> {
        match tag.name() {
            "Dim" => self.read_dimension(document, cursor, tag, group),
            "Attribute" => self.attributes.read(cursor, tag),
            "chunks" => self.layout.get_or_insert_default().read(cursor, tag, &mut document.files, &mut self.refuse),
            "chunk" | "byteStream" => self.layout.get_or_insert_default().read_chunk(cursor, tag, &mut document.files, &mut self.refuse),
            "compact" => {
                self.compact = self.refuse.value(values::base64(&cursor.text()?));
                Ok(())
            }
            "missingdata" => {
                self.missing_data = self.refuse.value(values::base64(&cursor.text()?));
                Ok(())
            }
            "vlsa" => {
                self.texts = self.refuse.value(values::read_texts(cursor, &mut document.budget)?);
                Ok(())
            }
            "FixedLengthStringArray" => self.read_fixed_text(cursor, tag),
            // Members of structures, maps, values of structures, and what we do not know.
            _ => cursor.skip(),
        }
    }

    fn read_dimension<'x>(&mut self, document: &mut Document<'_>, cursor: &mut Cursor<'x>, tag: &Tag<'x>, group: &str) -> Result<(), Error> {
        let [name, size] = tag.values(cursor, ["name", "size"])?;
        let size = size.map(|s| cursor.number("size", &s)).transpose()?;
        let name = name.filter(|n| !n.is_empty());
        let (name, size) = match name {
            Some(name) => match document.dimension(group, &name) {
                Some((path, size)) => {
                    if path.len() > name.len() {
                        self.refuse.value(document.budget.take_text(path.len()));
                    }
                    (Some(path), size)
                }
                None => {
                    let refusal = Refusal::new(Reason::Inconsistent, format!("dimension `{}` is declared nowhere", shortened(&name)));
                    self.refuse.value::<()>(Err(refusal));
                    (Some(name.into_owned()), size.unwrap_or(0))
                }
            },
            None => (None, size.ok_or_else(|| cursor.error(Fault::Missing("size")))?),
        };
        self.dimensions.push(name);
        self.shape.push(size);
        cursor.skip()
    }

    fn read_fixed_text<'x>(&mut self, cursor: &mut Cursor<'x>, tag: &Tag<'x>) -> Result<(), Error> {
        let [pad] = tag.values(cursor, ["pad"])?;
        let text = tag.required(cursor, "string_length")?;
        let wide = cursor.number("string_length", &text)?;
        let length = u32::try_from(wide).map_err(|_| cursor.error(Fault::Number { what: "string_length", value: shortened(&text) }))?;
        let padding = match pad.as_deref() {
            Some("null_term") | None => Ok(Padding::NullTerminated),
            Some("null_pad") => Ok(Padding::Null),
            Some("space_pad") => Ok(Padding::Space),
            Some(other) => Err(Refusal::new(Reason::Inconsistent, format!("padding `{}`", shortened(other)))),
        };
        self.fixed_text = self.refuse.value(padding).map(|padding| (length, padding));
        cursor.skip()
    }
}

/// Whether a name can be part of a path in a store.
pub(super) fn is_part_of_path(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains('/')
}
