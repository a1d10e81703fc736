//! Tests against GDAL, and of what holds whatever GDAL says.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod oracle;
