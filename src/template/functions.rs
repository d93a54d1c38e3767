//! What a template may call without anything before it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use minijinja::value::{Enumerator, Object, ObjectRepr, Rest, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::args::{Args, Parameters};
use super::held;
use super::meter::fault;

/// As many numbers as Jinja2's sandbox lets a range have.
const LONGEST_RANGE: i128 = 100_000;

type Function = fn(&Args<'_>) -> Result<Value, Error>;

const FUNCTIONS: &[(&str, Parameters, Function)] = &[
    ("range", &["start", "stop", "step"], range),
    ("dict", &["pairs", "*members"], dict),
    ("namespace", &["pairs", "*members"], namespace),
    ("cycler", &["*items"], |args| {
        if args.rest.is_empty() {
            return Err(fault("`cycler` needs something to go through"));
        }
        Ok(Value::from_object(Cycler { items: args.rest.clone(), at: AtomicUsize::new(0) }))
    }),
    ("joiner", &["sep"], |args| {
        let between = args.printed("sep")?.unwrap_or_else(|| ", ".to_owned());
        Ok(Value::from_object(Joiner { between, used: AtomicBool::new(false) }))
    }),
];

/// The names of all functions.
pub(super) fn names() -> Vec<&'static str> {
    FUNCTIONS.iter().map(|(name, ..)| *name).collect()
}

/// Makes the functions known.
pub(super) fn register(env: &mut Environment<'_>) {
    for (name, parameters, function) in FUNCTIONS {
        env.add_function(*name, move |args: Rest<ValueOrKwargs>| {
            function(&Args::bind(name, parameters, &args.into_values())?)
        });
    }
}

/// Numbers one after the other.
#[derive(Debug)]
struct Range {
    start: i128,
    stop: i128,
    step: i128,
    len: usize,
}

fn range(args: &Args<'_>) -> Result<Value, Error> {
    args.need("start")?;
    let (start, stop) = match args.get("stop") {
        Some(_) => (args.whole("start", 0)?, args.whole("stop", 0)?),
        None => (0, args.whole("start", 0)?),
    };
    let step = args.whole("step", 1)?;
    if step == 0 {
        return Err(fault("the step of a range cannot be zero"));
    }
    let span = if step > 0 { stop.saturating_sub(start) } else { start.saturating_sub(stop) };
    let size = step.saturating_abs();
    let len = span.max(0).saturating_add(size - 1).div_euclid(size);
    if len > LONGEST_RANGE {
        return Err(fault(format!("a range has at most {LONGEST_RANGE} numbers")));
    }
    let len = usize::try_from(len).unwrap_or(0);
    Ok(Value::from_object(Range { start, stop, step, len }))
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = key.as_usize().filter(|at| *at < self.len)?;
        Some(super::number::int(self.start.saturating_add(self.step.saturating_mul(at as i128))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.len)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, stop, step, .. } = &**self;
        match step {
            1 => write!(f, "range({start}, {stop})"),
            _ => write!(f, "range({start}, {stop}, {step})"),
        }
    }
}

/// Whether a value is a range, which prints as Python's does.
pub(super) fn is_range(value: &Value) -> bool {
    value.downcast_object_ref::<Range>().is_some()
}

fn members(args: &Args<'_>) -> Result<Vec<(Value, Value)>, Error> {
    let mut members = args.some("pairs").map_or(Ok(Vec::new()), held::pairs)?;
    members.extend(args.named.iter().map(|(name, value)| (Value::from(name), value.clone())));
    Ok(members)
}

fn dict(args: &Args<'_>) -> Result<Value, Error> {
    held::map(members(args)?)
}

/// The engine's own namespace: it alone takes `{% set ns.name = … %}`.
fn namespace(args: &Args<'_>) -> Result<Value, Error> {
    let members = members(args)?;
    members.iter().try_for_each(|(_, value)| held::checked(value))?;
    minijinja::functions::namespace(Some(ValueOrKwargs::from(Value::from_pairs(members))))
}

/// `cycler("a", "b")`: `next()`, `reset()`, `current`.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

impl Cycler {
    fn current(&self) -> Value {
        self.items.get(self.at.load(Ordering::Relaxed) % self.items.len().max(1)).cloned().unwrap_or_default()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("current")).then(|| self.current())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        _: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "next" => {
                let current = self.current();
                self.at.fetch_add(1, Ordering::Relaxed);
                Ok(current)
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `joiner(", ")`: nothing when it is called first, its text ever after.
#[derive(Debug)]
struct Joiner {
    between: String,
    used: AtomicBool,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        let used = self.used.swap(true, Ordering::Relaxed);
        Ok(Value::from(if used { self.between.as_str() } else { "" }))
    }
}
