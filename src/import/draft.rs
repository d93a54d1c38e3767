//! The config while it is being made: what stands in it, which variables it needs, and what a
//! person still has to do.

use ipnet::IpNet;

use super::name::{self, Names};
use super::script::Skeleton;
use super::write::{Text, Tree};
use super::{System, Wishes};

/// Everything that will be written.
#[derive(Debug)]
pub(super) struct Draft {
    pub system: System,
    pub adapter: &'static str,
    /// The name of the source.
    pub source: String,
    /// Its secret or token.
    pub proof: Proof,
    pub with_scripts: bool,
    /// What was read: `3 webhooks`.
    pub read: Vec<String>,
    pub destinations: Vec<Destination>,
    pub routes: Vec<Route>,
    /// What there was that the config has no place for, as comments.
    pub left_out: Vec<String>,
    pub scripts: Vec<Skeleton>,
    pub variables: Variables,
    /// How the sender has to be set up, in one sentence or two.
    pub sender: String,
    /// What else is left to do.
    pub notes: Vec<String>,
    pub destination_names: Names,
    pub route_names: Names,
    pub script_names: Names,
}

/// The variable that holds what proves the sender, and what it is until that is set.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    pub variable: String,
    pub text: Text,
}

/// Variables that placeholders stand for, and what belongs into them.
#[derive(Debug, Default)]
pub(super) struct Variables {
    names: Names,
    pub list: Vec<(String, String)>,
}

/// A receiver.
#[derive(Debug, Clone, Default)]
pub(super) struct Destination {
    pub name: String,
    /// `webhook 3 "Ansible"`.
    pub about: String,
    pub url: Text,
    pub url_secret: bool,
    pub method: Option<String>,
    pub content_type: Option<String>,
    pub body: Body,
    pub headers: Vec<(String, Text)>,
    pub headers_template: Option<Text>,
    /// What templates use as `secrets.NAME`.
    pub secrets: Vec<(String, Text)>,
    /// Scheme and secret; `None`: unsigned.
    pub sign: Option<(&'static str, Text)>,
    /// In seconds.
    pub timeout: Option<u64>,
    pub accepts_any_certificate: bool,
    /// A file of certificates that is not there yet.
    pub ca: Option<String>,
    /// Lines that stand above it.
    pub remarks: Vec<String>,
    /// An address that `egress.allow` has to list.
    pub allow: Option<IpNet>,
    /// A name that may turn out to be a private address.
    pub host: Option<String>,
    /// Why it is commented out.
    pub off: Option<String>,
}

/// What a destination's body is made by.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Format(&'static str),
    Template(Text),
}

/// From events to receivers.
#[derive(Debug, Clone, Default)]
pub(super) struct Route {
    pub name: String,
    /// `event rule 5 "Devices"`.
    pub about: String,
    pub when: Vec<(&'static str, Tree)>,
    pub active: bool,
    pub action_data: Option<Tree>,
    /// The script to be, by its place in [`Draft::scripts`].
    pub script: Option<usize>,
    pub to: String,
    pub remarks: Vec<String>,
    /// Why it is commented out.
    pub off: Option<String>,
}

impl Default for Body {
    fn default() -> Self {
        Self::Format("event")
    }
}

impl Draft {
    pub fn new(system: System, wishes: &Wishes) -> Self {
        let source = wishes.source.clone().unwrap_or_else(|| system.name().to_owned());
        let what = if system == System::Datagerry { "token" } else { "secret" };
        let variable = name::variable(&source, what);
        let mut variables = Variables::default();
        variables.names.take(&variable);
        let text = Text::with_default(&variable, &wishes.random);
        Self {
            system,
            adapter: system.name(),
            source,
            proof: Proof { variable, text },
            with_scripts: wishes.with_scripts,
            read: Vec::new(),
            destinations: Vec::new(),
            routes: Vec::new(),
            left_out: Vec::new(),
            scripts: Vec::new(),
            variables,
            sender: String::new(),
            notes: Vec::new(),
            destination_names: Names::default(),
            route_names: Names::default(),
            script_names: Names::default(),
        }
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// A destination for a webhook, under a name that no other has.
    pub fn open(&mut self, title: &str, about: String, body: Body) -> Destination {
        let slug = name::slug(title, "webhook");
        let name = self.destination_names.unique(&slug, '-');
        if name != slug {
            self.note(format!("another destination is called {slug}, so {about} became {name}"));
        }
        Destination { name, about, body, ..Destination::default() }
    }

    /// The destination of a name.
    pub fn destination(&self, name: &str) -> Option<&Destination> {
        self.destinations.iter().find(|destination| destination.name == name)
    }
}

impl Variables {
    /// A variable of its own for one credential.
    pub fn add(&mut self, owner: &str, what: &str, about: impl Into<String>) -> String {
        let name = self.names.unique(&name::variable(owner, what), '_');
        self.list.push((name.clone(), about.into()));
        name
    }
}

/// Where the credentials of one destination go.
#[derive(Debug)]
pub(super) struct Vault<'d> {
    pub owner: String,
    /// `webhook 3 "Ansible"`.
    pub about: String,
    pub variables: &'d mut Variables,
    /// `secrets:` of the destination.
    pub secrets: Vec<(String, Text)>,
    names: Names,
}

impl<'d> Vault<'d> {
    pub fn new(owner: &str, about: &str, variables: &'d mut Variables) -> Self {
        let (owner, about) = (owner.to_owned(), about.to_owned());
        Self { owner, about, variables, secrets: Vec::new(), names: Names::default() }
    }

    /// A placeholder for a credential. `what` says where it stood: `header "X-Api-Key"`.
    pub fn placeholder(&mut self, hint: &str, what: &str) -> Text {
        let hint = name::slug(hint, "secret");
        let name = self.variables.add(&self.owner, &hint, format!("{what} of {}", self.about));
        Text::variable(&name)
    }

    /// The same for templates: the name under which `secrets` has it.
    pub fn secret(&mut self, hint: &str, what: &str) -> String {
        let base = name::slug(hint, "secret").replace('-', "_");
        let name = self.names.unique(&base, '_');
        let text = self.placeholder(hint, what);
        self.secrets.push((name.clone(), text));
        name
    }
}
