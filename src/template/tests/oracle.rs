//! A table of templates and what Jinja2 made of them (`tests/fixtures/templates`).

use std::fmt::Write as _;
use std::sync::Arc;

use crate::model::Json;
use crate::template::{BODY, engine, tree};

#[test]
fn templates_give_what_jinja2_gives() {
    let table: Json =
        serde_json::from_str(include_str!("../../../tests/fixtures/templates/jinja2.json")).unwrap();
    let env = engine::environment();
    let mut wrong = String::new();
    for case in table["cases"].as_array().unwrap() {
        let template = case["template"].as_str().unwrap();
        let names = tree::root(Arc::new(table["data"].clone()));
        let got = engine::render(&env, BODY, template, names);
        match (got, case["output"].as_str()) {
            (Ok(got), Some(wanted)) if got == wanted => {}
            (Err(_), None) => {}
            (got, wanted) => {
                let got = got.map_err(|error| engine::why(&error));
                writeln!(wrong, "{template}\n  jinja2 {wanted:?}\n  here   {got:?}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
