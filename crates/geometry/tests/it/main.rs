//! Tests of regions: cases by hand, the corpus, generated shapes, and shapely as the outside truth.

mod cases;
mod oracle;
mod shapes;
