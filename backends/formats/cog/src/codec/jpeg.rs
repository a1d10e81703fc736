use std::{
    ffi::c_int,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr,
};

use mozjpeg::{ColorSpace, Decompress};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};

use super::{Expected, Problem};

const SOI: [u8; 2] = [0xFF, 0xD8];

/// Decodes a JPEG image with libjpeg-turbo's decoder (as mozjpeg carries it), as GDAL does: YCbCr becomes RGB, all else stays.
/// Unlike GDAL, whatever libjpeg warns of is an error, since it then makes up pixels.
pub(super) fn decode(bytes: &[u8], tables: Option<&[u8]>, ycbcr: bool, expected: Expected, target: &mut [u8]) -> Result<(), Problem> {
    let image = bytes.strip_prefix(&SOI).ok_or("it is no JPEG image")?;
    let stream = joined(image, tables);
    // libjpeg reports damage by unwinding, without the panic hook.
    let outcome = catch_unwind(AssertUnwindSafe(|| pixels(&stream, ycbcr, expected, target)));
    outcome.unwrap_or_else(|_| Err("its JPEG image is damaged".to_owned()))
}

/// One stream of the abbreviated image and the tables that it refers to (TIFF Technical Note 2).
fn joined(image: &[u8], tables: Option<&[u8]>) -> Vec<u8> {
    let tables = tables.and_then(|t| t.strip_prefix(&SOI)).map(|t| t.strip_suffix(&[0xFF, 0xD9]).unwrap_or(t)).unwrap_or_default();
    [&SOI, tables, image].concat()
}

fn pixels(stream: &[u8], ycbcr: bool, expected: Expected, target: &mut [u8]) -> Result<(), Problem> {
    let failed = |e: std::io::Error| format!("its JPEG image cannot be decoded ({e})");
    let decoder = Decompress::builder().with_err(strict()).from_mem(stream).map_err(failed)?;
    let (width, height, components) = (decoder.width(), decoder.height(), decoder.components().len());
    if width != expected.shape.cols || height < expected.shape.rows || components != expected.samples {
        return Err(format!("its JPEG image has {components} components of {width} × {height} pixels"));
    }
    // To ask for the colour space that libjpeg takes the components for is to ask for no conversion.
    let space = if ycbcr && components == 3 { ColorSpace::JCS_RGB } else { decoder.color_space() };
    let mut started = decoder.to_colorspace(space).map_err(failed)?;
    started.read_scanlines_into(target).map_err(failed)?;
    Ok(())
}

/// Error handling that stops at errors and warnings alike, and prints nothing.
fn strict() -> jpeg_error_mgr {
    jpeg_error_mgr {
        error_exit: Some(stop),
        emit_message: Some(stop_at_warning),
        output_message: Some(ignore),
        format_message: None,
        reset_error_mgr: Some(ignore),
        msg_code: 0,
        msg_parm: Default::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

extern "C-unwind" fn stop(_: &mut jpeg_common_struct) {
    resume_unwind(Box::new(()));
}

/// Levels below 0 are warnings, others are only of interest to those who trace.
extern "C-unwind" fn stop_at_warning(_: &mut jpeg_common_struct, level: c_int) {
    if level < 0 {
        resume_unwind(Box::new(()));
    }
}

extern "C-unwind" fn ignore(_: &mut jpeg_common_struct) {}
