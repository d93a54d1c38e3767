//! One piece of the walk, to be run as often as one likes.

use std::hint::black_box;
use std::mem::ManuallyDrop;

/// Runs so many more steps of what was prepared.
pub type Batch = Box<dyn FnMut(usize)>;

/// A named piece.
pub struct Piece {
    pub name: String,
    /// Makes everything that so many steps need; the steps alone are what is measured.
    pub prepare: Box<dyn Fn(usize) -> Batch>,
}

impl Piece {
    /// A piece whose steps are all the same. `setup` gives the step.
    pub fn same<S, T>(name: impl Into<String>, setup: impl Fn() -> S + 'static) -> Self
    where
        S: FnMut() -> T + 'static,
    {
        let prepare = move |_| -> Batch {
            let mut step = setup();
            Box::new(move |times| (0..times).for_each(|_| drop(black_box(step()))))
        };
        Self { name: name.into(), prepare: Box::new(prepare) }
    }

    /// A piece whose steps use something up. `setup` gives what is copied for each, and the step.
    pub fn using<I, S, T>(name: impl Into<String>, setup: impl Fn() -> (I, S) + 'static) -> Self
    where
        I: Clone + 'static,
        S: FnMut(I) -> T + 'static,
    {
        let prepare = move |made| -> Batch {
            let (input, mut step) = setup();
            // What is left over is not dropped: the next run's count would lack it.
            let mut inputs = ManuallyDrop::new(vec![input; made].into_iter());
            Box::new(move |times| inputs.by_ref().take(times).for_each(|input| drop(black_box(step(input)))))
        };
        Self { name: name.into(), prepare: Box::new(prepare) }
    }
}
