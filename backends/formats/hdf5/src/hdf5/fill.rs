//! Fill values (format specification IV.A.2.e and f).

use cube_backend::Result;

use super::{
    cursor::Cursor,
    file::File,
    header::{FILL, FILL_OLD, Header},
};

/// One element as the file says it; `None` when it says nothing (then zero).
pub(super) fn read(file: &File<'_>, header: &Header) -> Result<Option<Vec<u8>>> {
    if let Some(message) = header.find(file, FILL)? {
        let mut c = Cursor::new(&message, "a fill value");
        let defined = match c.expect_u8("version", &[1, 2, 3])? {
            // Version 1 has a size always.
            1 => {
                c.skip(3)?;
                true
            }
            2 => {
                c.skip(2)?;
                c.u8()? != 0
            }
            _ => c.u8()? & 0x20 != 0,
        };
        return if defined { sized(&mut c) } else { Ok(None) };
    }
    match header.find(file, FILL_OLD)? {
        Some(message) => sized(&mut Cursor::new(&message, "a fill value")),
        None => Ok(None),
    }
}

fn sized(c: &mut Cursor<'_>) -> Result<Option<Vec<u8>>> {
    // The default value has size 0, an undefined one is negative.
    match c.u32()? as i32 {
        ..=0 => Ok(None),
        size => c.take(size as usize).map(|v| Some(v.to_vec())),
    }
}
