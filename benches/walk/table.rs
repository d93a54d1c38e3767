//! What is printed: the rows with what is to be reached, and the arms they were made of.

use super::rig::round::Arm;

/// What a figure has to be.
#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// One line of the table.
pub struct Row {
    what: String,
    measured: String,
    against: String,
    figure: f64,
    unit: &'static str,
    goal: Goal,
}

impl Row {
    /// A figure against another of the same run.
    pub fn ratio(what: impl Into<String>, (ours, theirs): (f64, f64), unit: &str, goal: Goal) -> Self {
        Self {
            what: what.into(),
            measured: format!("{} {unit}", short(ours)),
            against: format!("{} {unit}", short(theirs)),
            figure: ours / theirs,
            unit: "x",
            goal,
        }
    }

    /// A figure that stands for itself.
    pub fn alone(what: impl Into<String>, figure: f64, unit: &'static str, goal: Goal) -> Self {
        let (measured, against) = (format!("{} {unit}", short(figure)), "–".to_owned());
        Self { what: what.into(), measured, against, figure, unit, goal }
    }

    fn line(&self) -> String {
        let (goal, reached) = match self.goal {
            Goal::AtMost(most) => (format!("<= {most}"), self.figure <= most),
            Goal::AtLeast(least) => (format!(">= {least}"), self.figure >= least),
        };
        let Self { what, measured, against, figure, unit, .. } = self;
        let reached = if reached { "yes" } else { "**no**" };
        format!("| {what} | {measured} | {against} | {} {unit} | {goal} {unit} | {reached} |", short(*figure))
    }
}

/// Three digits that count.
fn short(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        1.0.. => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

/// Everything that was measured so far.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    arms: Vec<String>,
}

impl Table {
    pub fn add(&mut self, row: Row) {
        eprintln!("{}", row.line());
        self.rows.push(row);
    }

    pub fn add_arm(&mut self, name: &str, arm: &Arm) {
        self.arms.push(format!("| {name} | {} |", arm.cells()));
    }

    pub fn print(&self, sizes: &str) {
        println!("\nNetBox device updates of 5.3 KB, 32 connections; medians; {sizes}\n");
        println!("| what | measured | against | figure | to reach | reached |");
        println!("| --- | ---: | ---: | ---: | ---: | --- |");
        self.rows.iter().for_each(|row| println!("{}", row.line()));
        println!("\nThe arms under the closed loop:\n");
        println!("| arm | accepted/s | delivered/s | answer p50 ms | answer p99 ms | CPU s/1000 |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: |");
        self.arms.iter().for_each(|arm| println!("{arm}"));
    }
}
