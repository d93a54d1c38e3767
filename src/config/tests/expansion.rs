//! Variables and secret files, and that nothing shows what they held.

use super::*;

const DESTINATION: &str = "destinations:\n  a:\n    url: https://a.example/\n    sign: { secrets: [\"";

fn secret(text: &str, env: &[(&str, &str)]) -> String {
    let env: HashMap<&str, &str> = env.iter().copied().collect();
    let mut problems = Problems::default();
    let text = format!("{DESTINATION}{text}\"] }}\n");
    let config = Config::read(
        "config.yaml",
        &text,
        &|name| env.get(name).map(|value| (*value).to_owned()),
        &mut problems,
    );
    assert!(problems.is_empty(), "{problems:#?}");
    config.unwrap().destinations[0].sign.secrets[0].expose().to_owned()
}

#[test]
fn variables_stand_anywhere_in_a_text() {
    assert_eq!(secret("${A}", &[("A", "one")]), "one");
    assert_eq!(secret("x-${A}-${B}", &[("A", "1"), ("B", "2")]), "x-1-2");
    assert_eq!(secret("${A:-two}", &[]), "two");
    assert_eq!(secret("${A:-two}", &[("A", "")]), "two");
    assert_eq!(secret("${A:-two}", &[("A", "one")]), "one");
    assert_eq!(secret("${A:-http://x:1/}", &[]), "http://x:1/");
}

#[test]
fn what_a_variable_held_is_not_expanded_again() {
    assert_eq!(secret("${A}", &[("A", "${B}")]), "${B}");
}

#[test]
fn dollars_without_braces_are_texts_and_two_of_them_keep_the_braces() {
    assert_eq!(secret("$A$", &[]), "$A$");
    assert_eq!(secret("$${A}", &[]), "${A}");
    assert_eq!(secret("x$${A}y${B:-z}", &[]), "x${A}yz");
}

#[test]
fn numbers_and_flags_may_come_from_variables() {
    let text = "egress: { in_flight: \"${N}\" }\nsources: { a: { adapter: netbox, open: \"${O}\" } }";
    let mut problems = Problems::default();
    let env = |name: &str| Some(if name == "N" { "7" } else { "true" }.to_owned());
    let config = Config::read("config.yaml", text, &env, &mut problems).unwrap();
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!((config.egress.in_flight, config.sources[0].open), (7, true));
    assert_eq!(secret("${A}", &[("A", "0012345")]), "0012345");
}

#[test]
fn a_secret_file_gives_its_text_without_the_last_line_break() {
    let folder = folder();
    std::fs::write(folder.path().join("token"), "from-the-file\n").unwrap();
    let mut problems = Problems::default();
    let config = read_from(&folder, "admin: { token: \"${file:token}\" }", &mut problems).unwrap();
    assert_eq!(config.admin.token.unwrap().expose(), "from-the-file");
    let text = format!("admin: {{ token: \"${{file:{}/token}}\" }}", folder.path().display());
    let config = read_from(&folder, &text, &mut problems).unwrap();
    assert_eq!(config.admin.token.unwrap().expose(), "from-the-file");
    assert!(problems.is_empty());
}

#[test]
fn what_cannot_be_expanded_is_one_problem_each_at_its_place() {
    let text = "admin:\n  token: ${TOKEN}\nstate: \"${DB\"\ndedupe: ${1X}\nsources:\n  a:\n    adapter: ${ADAPTER}\n    \
                secrets: [\"${file:missing/secret}\", \"${SECRET}\"]\n";
    assert_eq!(
        messages(text),
        [
            "config.yaml:2:10: the environment variable TOKEN is not set\n  help: set it, or give a default: `${TOKEN:-…}`",
            "config.yaml:3:8: a `${` is never closed\n  help: write `$${` for the text `${` itself",
            "config.yaml:4:9: `${1X}` names no variable\n  help: write `${NAME}`, `${NAME:-default}` or `${file:/path}`; `$${` for the text `${` itself",
            "config.yaml:7:14: the environment variable ADAPTER is not set\n  help: set it, or give a default: `${ADAPTER:-…}`",
            "config.yaml:8:15: could not read the file `missing/secret`: No such file or directory (os error 2)\n  help: relative paths count from the folder of the config",
            "config.yaml:8:41: the environment variable SECRET is not set\n  help: set it, or give a default: `${SECRET:-…}`",
        ]
    );
}

#[test]
fn a_secret_in_the_wrong_place_is_shown_as_it_was_written() {
    let env = [("S", "hunter2-hunter2"), ("T", "tok")];
    let text = "ingress: { listen: \"${S}\", base_path: \"${T}\" }\ndedupe: ${S}\nstate: ${S}\negress: { allow: [\"${S}\"] }\n\
                sources:\n  a: { adapter: \"${S}\", token: \"${S} x\", rate: \"${S}\", tolerance: \"${S}\", sign: \"${S}\" }\n\
                destinations:\n  b: { url: \"${S}\", format: \"${S}\", method: \"${S}\", sign: { scheme: \"${S}\" }, ordered: \"${S}\", tls: { ca: \"${S}\" } }\n\
                routes:\n  - { name: \"${S} !\", from: \"${S}\", to: \"${S}\", script: \"${S}\" }\n";
    let found = messages_with(text, &env);
    assert!(found.len() >= 18, "{found:#?}");
    for message in &found {
        assert!(!message.contains("hunter2") && !message.contains("`tok`"), "{message}");
    }
    assert!(found[0].ends_with("such as `127.0.0.1:8080` or `[::1]:8080`, this is `${S}`"), "{}", found[0]);
}
