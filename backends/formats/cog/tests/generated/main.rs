//! Files whose content is known to the byte, in every form that the testkit writes.
#![allow(clippy::panic, reason = "a test that meets what cannot be reports it so")]

mod files;
mod forms;
mod hostile;
mod requests;
