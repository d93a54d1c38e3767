//! The pieces in the order of the walk.

use super::piece::Piece;
use super::{middle, proof, state};

pub fn all() -> impl Iterator<Item = Piece> {
    proof::verify()
        .chain(middle::parse())
        .chain(middle::normalise())
        .chain(middle::changes())
        .chain(middle::matching())
        .chain(middle::scripts())
        .chain(middle::formats())
        .chain(proof::sign())
        .chain(state::operations())
        .chain(state::one_by_one())
        .chain(state::over_routes())
}
