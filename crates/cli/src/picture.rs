//! PNG files: pictures, and the map of a cube's chunks with its legend.

use std::path::Path;

use eocube::{Error, Result, WholeFile};

/// Writes red, green, blue and opacity, a byte each, as a PNG.
pub(crate) fn write(path: &Path, rows: usize, cols: usize, rgba: &[u8]) -> Result<()> {
    if let Some(ending) = path.extension().filter(|ending| !ending.eq_ignore_ascii_case("png")) {
        let message = format!("`{}` would not be what its name says: pictures are written as PNG", path.display());
        return Err(Error::refused(message, format!("end the name in .png instead of .{}", ending.to_string_lossy())));
    }
    let mut file = WholeFile::create(path)?;
    let failed = |e: png::EncodingError| match e {
        png::EncodingError::IoError(e) => Error::unwritable(path, e),
        other => Error::failed(format!("`{}` cannot be written", path.display()), other),
    };
    let mut encoder = png::Encoder::new(&mut file, cols as u32, rows as u32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(rgba).map_err(failed)?;
    writer.finish().map_err(failed)?;
    file.finish()
}

type Colour = [u8; 3];

/// Something that is drawn on.
#[derive(Debug)]
pub(crate) struct Canvas {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) rgba: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(rows: usize, cols: usize, paper: Colour) -> Self {
        let pixel = [paper[0], paper[1], paper[2], u8::MAX];
        Self { rows, cols, rgba: pixel.repeat(rows * cols) }
    }

    /// A filled rectangle; what lies beyond the canvas is left out.
    pub(crate) fn fill(&mut self, top: usize, left: usize, rows: usize, cols: usize, colour: Colour) {
        for row in top..(top + rows).min(self.rows) {
            for col in left..(left + cols).min(self.cols) {
                let at = 4 * (row * self.cols + col);
                self.rgba[at..at + 3].copy_from_slice(&colour);
            }
        }
    }

    /// A line of text in letters of [`LETTER`] pixels; letters that the font lacks are blank.
    pub(crate) fn text(&mut self, top: usize, left: usize, text: &str, scale: usize, colour: Colour) {
        for (i, letter) in text.chars().enumerate() {
            for (row, bits) in glyph(letter).into_iter().enumerate() {
                for col in (0..LETTER.1 - 1).filter(|c| bits >> (LETTER.1 - 2 - c) & 1 == 1) {
                    self.fill(top + row * scale, left + (i * LETTER.1 + col) * scale, scale, scale, colour);
                }
            }
        }
    }
}

/// Height and width of a letter, with the space to the next.
pub(crate) const LETTER: (usize, usize) = (7, 6);

/// The letters that legends are written with, five bits a row.
fn glyph(letter: char) -> [u8; 7] {
    match letter {
        'a' => [0, 0, 0b01110, 0b00001, 0b01111, 0b10001, 0b01111],
        'd' => [0b00001, 0b00001, 0b01101, 0b10011, 0b10001, 0b10001, 0b01111],
        'e' => [0, 0, 0b01110, 0b10001, 0b11111, 0b10000, 0b01110],
        'i' => [0b00100, 0, 0b01100, 0b00100, 0b00100, 0b00100, 0b01110],
        'l' => [0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        'm' => [0, 0, 0b11010, 0b10101, 0b10101, 0b10101, 0b10101],
        'n' => [0, 0, 0b10110, 0b11001, 0b10001, 0b10001, 0b10001],
        'o' => [0, 0, 0b01110, 0b10001, 0b10001, 0b10001, 0b01110],
        'p' => [0, 0, 0b11110, 0b10001, 0b11110, 0b10000, 0b10000],
        'r' => [0, 0, 0b10110, 0b11001, 0b10000, 0b10000, 0b10000],
        's' => [0, 0, 0b01111, 0b10000, 0b01110, 0b00001, 0b11110],
        't' => [0b01000, 0b01000, 0b11100, 0b01000, 0b01000, 0b01001, 0b00110],
        'y' => [0, 0, 0b10001, 0b10001, 0b01111, 0b00001, 0b01110],
        _ => [0; 7],
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn letters_stand_where_they_are_put() {
        let mut canvas = Canvas::new(9, 14, [255; 3]);
        canvas.text(1, 1, "ll", 1, [0; 3]);
        let dark = |row: usize, col: usize| canvas.rgba[4 * (row * canvas.cols + col)] == 0;
        assert!(dark(1, 2) && dark(1, 3) && dark(2, 3) && !dark(2, 2));
        assert!(dark(1, 8) && dark(7, 9));
    }

    #[test]
    fn a_picture_is_written_and_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        let canvas = Canvas::new(3, 5, [1, 2, 3]);
        write(&path, 3, 5, &canvas.rgba).expect("a picture");
        let mut reader = png::Decoder::new(std::io::BufReader::new(File::open(path).expect("a file"))).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("pixels");
        assert_eq!(pixels, canvas.rgba);
    }
}
