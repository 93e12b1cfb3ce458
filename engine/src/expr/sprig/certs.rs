//! Private keys and certificates.

use crate::expr::run::{Outcome, Run};
use crate::expr::value::Val;

pub(super) fn call(_run: &Run<'_>, _name: &str, _args: &[Val]) -> Option<Outcome> {
    None
}
