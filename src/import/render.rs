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
    w.line(0, "");
    allowed(draft, &mut w);
    source(draft, &mut w);
    destinations(draft, &mut w);
    routes(draft, &mut w);
    w.finish()
}

fn head(draft: &Draft, list: &[String], w: &mut Writer) {
    let system = if draft.adapter == "nautobot" { "Nautobot" } else { draft.system.title() };
    let made = [
        todo::count(draft.destinations.len(), "destination"),
        todo::count(draft.routes.len(), "route"),
    ];
    w.comment(0, &format!("Imported from {system}: {}; {}.", draft.read.join(" and "), made.join(" and ")));
    w.comment(0, "Secrets were not copied: a variable stands for each, with replace-me until it is set.");
    w.line(0, "#");
    w.comment(0, "What is left to do:");
    for (index, point) in list.iter().enumerate() {
        w.point(&format!("{:>3}.", index + 1), point);
    }
    w.line(0, "");
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
    w.line(0, "");
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
    let entries = vec![("adapter".to_owned(), Tree::text(draft.adapter)), (key.to_owned(), proof)];
    w.entry(1, &draft.source, &Tree::Map(entries));
    w.line(0, "");
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
    w.line(0, "");
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
    let text = |text: &Text| Tree::Text(text.clone());
    let map = |entries: &[(String, Text)]| {
        Tree::Map(entries.iter().map(|(key, value)| (key.clone(), text(value))).collect())
    };
    let mut entries = vec![("url", text(&to.url))];
    entries.extend(to.url_secret.then_some(("url_secret", Tree::Bool(true))));
    entries.extend(to.method.as_ref().map(|method| ("method", Tree::text(method))));
    entries.extend(to.content_type.as_ref().map(|media| ("content_type", Tree::text(media))));
    entries.push(match &to.sign {
        Some((scheme, secret)) => {
            let secrets = Tree::List(vec![text(secret)]);
            let parts = vec![("scheme".to_owned(), Tree::text(scheme)), ("secrets".to_owned(), secrets)];
            ("sign", Tree::Map(parts))
        }
        None => ("sign", Tree::text("none")),
    });
    entries.extend((!to.headers.is_empty()).then(|| ("headers", map(&to.headers))));
    entries.extend((!to.secrets.is_empty()).then(|| ("secrets", map(&to.secrets))));
    entries.extend(to.headers_template.as_ref().map(|template| ("headers_template", text(template))));
    entries.push(match &to.body {
        Body::Format(format) => ("format", Tree::text(format)),
        Body::Template(template) => ("body_template", text(template)),
    });
    entries.extend(to.timeout.map(|seconds| ("timeout", Tree::text(&format!("{seconds}s")))));
    w.line(1, &format!("{}:", scalar(&to.name)));
    entries.iter().for_each(|(key, value)| w.entry(2, key, value));
    tls(to, w);
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
        let off_with = draft.destination(&route.to).and_then(|to| to.off.as_ref()).map(|_| &route.to);
        let why = route.off.clone().or_else(|| off_with.map(|to| format!("{to} is, above")));
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
