/// Runs a computation with the widest vectors of this processor. What it calls must be `#[inline(always)]` to gain from it.
///
/// Results are the same on every processor: the compiler never joins a product and a sum to one rounding.
#[inline(always)]
pub(crate) fn wide<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
