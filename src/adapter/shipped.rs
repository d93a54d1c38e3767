//! The adapter files that come with the gateway, embedded in the binary.

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, concat!("adapters/", $name, ".yaml"), include_str!(concat!("../../adapters/", $name, ".yaml")))),+]
    };
}

/// Name, file label and text.
const SHIPPED: &[(&str, &str, &str)] =
    shipped!["netbox", "nautobot", "infrahub", "datagerry", "generic", "jira", "crossconnect"];

/// The file label and the text of a shipped adapter.
pub fn shipped(name: &str) -> Option<(&'static str, &'static str)> {
    SHIPPED.iter().find(|(known, _, _)| *known == name).map(|(_, file, text)| (*file, *text))
}

/// The names of all shipped adapters.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _, _)| *name)
}
