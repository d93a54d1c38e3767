//! The draft as the text of a config.yaml.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::draft::{Body, Destination, Draft, Route};
use super::write::{Text, Tree, Writer, scalar};
use super::{System, todo};

/// Writes the whole config. `todo` stands at its top.
pub(super) fn config(draft: &Draft, todo: &[String]) -> String {
    let mut w = Writer::default();
    head(draft, todo, &mut w);
    w.comment(0, "Where senders come in; 0.0.0.0:8080 for senders on other machines.");
    w.line(0, "ingress:");
    w.entry(1, "listen", &Tree::text("127.0.0.1:8080"));
    w.gap();
    allowed(draft, &mut w);
    source(draft, &mut w);
    destinations(draft, &mut w);
    routes(draft, &mut w);
    w.finish()
}

fn head(draft: &Draft, list: &[String], w: &mut Writer) {
    let system = if draft.adapter == "nautobot" { "Nautobot" } else { draft.system.title() };
    let made =
        [todo::count(draft.destinations.len(), "destination"), todo::count(draft.routes.len(), "route")];
    w.comment(0, &format!("Imported from {system}: {}; {}.", draft.read.join(" and "), made.join(" and ")));
    w.comment(0, "Variables stand for the credentials that were found, with replace-me until they are set.");
    w.line(0, "#");
    w.comment(0, "What is left to do:");
    for (index, point) in list.iter().enumerate() {
        w.point(&format!("{:>3}.", index + 1), point);
    }
    w.gap();
}

/// Addresses that were typed out in URLs.
fn allowed(draft: &Draft, w: &mut Writer) {
    let mut allowed: BTreeMap<IpNet, BTreeSet<&str>> = BTreeMap::new();
    for to in draft.destinations.iter().filter(|to| to.off.is_none()) {
        if let Some(network) = to.allow {
            allowed.entry(network).or_default().insert(&to.name);
        }
    }
    if allowed.is_empty() {
        return;
    }
    w.comment(0, "Private addresses are reached only if they are listed.");
    w.line(0, "egress:");
    w.line(1, "allow:");
    for (network, names) in allowed {
        let names: Vec<&str> = names.into_iter().collect();
        w.line(2, &format!("- {network}  # {}", names.join(", ")));
    }
    w.gap();
}

fn source(draft: &Draft, w: &mut Writer) {
    w.line(0, "sources:");
    let token = if draft.system == System::Datagerry { "/TOKEN" } else { "" };
    let url = format!("http://GATEWAY:8080/hooks/{}{token}", draft.source);
    w.comment(1, &format!("Enter {url} in the webhook of the sender; 2. above says how."));
    let proof = Tree::Text(draft.proof.text.clone());
    let (key, proof) = match draft.system {
        System::Datagerry => ("token", proof),
        _ => ("secrets", Tree::List(vec![proof])),
    };
    let mut entries = vec![("adapter".to_owned(), Tree::text(draft.adapter)), (key.to_owned(), proof)];
    if draft.system == System::Infrahub {
        w.comment(1, "Routes with a branch_scope compare with default_branch, which no export tells.");
        entries.push(("default_branch".to_owned(), Tree::text("main")));
    }
    w.entry(1, &draft.source, &Tree::Map(entries));
    w.gap();
}

fn destinations(draft: &Draft, w: &mut Writer) {
    w.line(0, "destinations:");
    for to in &draft.destinations {
        w.comment(1, &format!("{}", Capital(&to.about)));
        to.remarks.iter().for_each(|remark| w.comment(1, remark));
        match &to.off {
            None => destination(to, w),
            Some(why) => {
                w.comment(1, &format!("Commented out: {why}."));
                w.off(1, |w| destination(to, w));
            }
        }
    }
    w.gap();
}

/// A text that begins a line of its own.
struct Capital<'t>(&'t str);

impl std::fmt::Display for Capital<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut chars = self.0.chars();
        match chars.next() {
            Some(first) => write!(f, "{}{}", first.to_uppercase(), chars.as_str()),
            None => Ok(()),
        }
    }
}

fn destination(to: &Destination, w: &mut Writer) {
    w.line(1, &format!("{}:", scalar(&to.name)));
    w.entry(2, "url", &text(&to.url));
    let mut entry = |key: &str, value: Option<Tree>| {
        if let Some(value) = value {
            w.entry(2, key, &value);
        }
    };
    entry("url_secret", to.url_secret.then_some(Tree::Bool(true)));
    entry("method", to.method.as_deref().map(Tree::text));
    entry("content_type", to.content_type.as_deref().map(Tree::text));
    entry("sign", Some(sign(to)));
    entry("headers", texts(&to.headers));
    entry("secrets", texts(&to.secrets));
    entry("headers_template", to.headers_template.as_ref().map(text));
    match &to.body {
        Body::Format(format) => entry("format", Some(Tree::text(format))),
        Body::Template(template) => entry("body_template", Some(text(template))),
    }
    entry("timeout", to.timeout.map(|seconds| Tree::text(&format!("{seconds}s"))));
    tls(to, w);
}

fn text(text: &Text) -> Tree {
    Tree::Text(text.clone())
}

fn texts(entries: &[(String, Text)]) -> Option<Tree> {
    let entries: Vec<_> = entries.iter().map(|(key, value)| (key.clone(), text(value))).collect();
    (!entries.is_empty()).then_some(Tree::Map(entries))
}

fn sign(to: &Destination) -> Tree {
    let Some((scheme, secret)) = &to.sign else { return Tree::text("none") };
    let secrets = Tree::List(vec![text(secret)]);
    Tree::Map(vec![("scheme".to_owned(), Tree::text(scheme)), ("secrets".to_owned(), secrets)])
}

fn tls(to: &Destination, w: &mut Writer) {
    let verify = to.accepts_any_certificate.then(|| ("verify".to_owned(), Tree::Bool(false)));
    if let Some(verify) = verify {
        w.entry(2, "tls", &Tree::Map(vec![verify]));
    }
    if let Some(ca) = &to.ca {
        let file = ca.rsplit(['/', '\\']).next().unwrap_or(ca);
        let depth = if to.accepts_any_certificate { 3 } else { 2 };
        w.off(depth, |w| match to.accepts_any_certificate {
            true => w.entry(3, "ca", &Tree::text(file)),
            false => w.entry(2, "tls", &Tree::Map(vec![("ca".to_owned(), Tree::text(file))])),
        });
    }
}

fn routes(draft: &Draft, w: &mut Writer) {
    w.line(0, "routes:");
    for route in &draft.routes {
        w.comment(1, &format!("{}", Capital(&route.about)));
        route.remarks.iter().for_each(|remark| w.comment(1, remark));
        let to_is_off = draft.destination(&route.to).is_some_and(|to| to.off.is_some());
        let why = route.off.clone().or_else(|| to_is_off.then(|| format!("its destination {} is", route.to)));
        match why {
            None => one(route, draft, w),
            Some(why) => {
                w.comment(1, &format!("Commented out: {why}."));
                w.off(1, |w| one(route, draft, w));
            }
        }
    }
    for left_out in &draft.left_out {
        w.comment(1, &format!("Left out: {left_out}"));
    }
}

fn one(route: &Route, draft: &Draft, w: &mut Writer) {
    w.line(1, &format!("- name: {}", scalar(&route.name)));
    w.entry(2, "from", &Tree::texts([&draft.source]));
    if !route.active {
        w.entry(2, "active", &Tree::Bool(false));
    }
    if !route.when.is_empty() {
        let when = route.when.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        w.entry(2, "when", &Tree::Map(when));
    }
    if let Some(data) = &route.action_data {
        w.entry(2, "action_data", data);
    }
    if let Some(script) = route.script.and_then(|index| draft.scripts.get(index)) {
        match draft.with_scripts {
            true => w.entry(2, "script", &Tree::text(&script.path)),
            false => {
                w.comment(2, &format!("Save what follows as {}, without the marks:", script.path));
                script.text.lines().for_each(|line| w.line(2, format!("#   {line}").trim_end()));
                w.off(2, |w| w.entry(2, "script", &Tree::text(&script.path)));
            }
        }
    }
    w.entry(2, "to", &Tree::texts([&route.to]));
}
