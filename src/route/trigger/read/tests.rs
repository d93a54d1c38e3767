//! The words for labels and values that can never match, and their places.

use proptest::prelude::*;

use crate::problem::Problems;
use crate::route::Match;
use crate::route::captures::mistakes;
use crate::route::trigger::tests::documents;

#[test]
fn labels_that_no_event_has_are_told_with_their_places() {
    mistakes(&[
        (
            "match: { infrahub.node.knd: InfraDevice }",
            "c.yaml:1:10: `routes[0].when.match` asks for the label `infrahub.node.knd`, which no event has\n  help: did you mean `infrahub.node.kind`?",
        ),
        (
            "match_related: { prefect.resource.rol: infrahub.branch }",
            "c.yaml:1:18: `routes[0].when.match_related` asks for the label `prefect.resource.rol`, which no event has\n  help: did you mean `prefect.resource.role`?",
        ),
        (
            "match: { infrahub.attribute.name: status }",
            "c.yaml:1:10: `routes[0].when.match` asks for the label `infrahub.attribute.name`, which only related resources can have\n  help: move it to `match_related`",
        ),
        (
            "match_related: [{}, { infrahub.branch.name: main }]",
            "c.yaml:1:23: `routes[0].when.match_related[1]` asks for the label `infrahub.branch.name`, which only the resource can have\n  help: move it to `match`",
        ),
        (
            "match: { infrahub.node.origin: live }",
            "c.yaml:1:10: `routes[0].when.match` asks for the label `infrahub.node.origin`, which no webhook tells\n  help: remove it: only inside Infrahub it can be asked for",
        ),
        (
            "match_related: { prefect.resource.role: infrahub.branch, infrahub.attribute.name: x }",
            "c.yaml:1:16: `routes[0].when.match_related` asks for the label `infrahub.attribute.name`, which the role infrahub.branch does not have\n  help: the label is one of `infrahub.node.attribute_update`",
        ),
        (
            "match_related: { infrahub.attribute.name: x, infrahub.relationship.name: x }",
            "c.yaml:1:16: `routes[0].when.match_related` asks for labels that no related resource has together\n  help: give them as several mappings in a list",
        ),
    ]);
}

#[test]
fn values_that_no_label_has_are_told_with_their_places() {
    mistakes(&[
        (
            "match: [infrahub.node.kind]",
            "c.yaml:1:8: `routes[0].when.match` must be a mapping of labels, this is a list\n  help: write it like `infrahub.node.kind: InfraDevice`",
        ),
        (
            "match_related: text",
            "c.yaml:1:16: `routes[0].when.match_related` must be a mapping of labels, this is a text\n  help: write it like `infrahub.node.kind: InfraDevice`",
        ),
        (
            "match_related: [a]",
            "c.yaml:1:17: `routes[0].when.match_related[0]` must be a mapping of labels, this is a text\n  help: write it like `infrahub.node.kind: InfraDevice`",
        ),
        (
            "match: { infrahub.node.kind: [] }",
            "c.yaml:1:30: the values of `infrahub.node.kind` in `routes[0].when.match` are an empty list, which nothing matches\n  help: remove the label to take every value",
        ),
        (
            "match: { infrahub.node.kind: { a: b } }",
            "c.yaml:1:30: a value of `infrahub.node.kind` in `routes[0].when.match` must be a text or a list of texts, this is a mapping\n  help: give the text, or remove the label",
        ),
        (
            "match:\n  infrahub.node.kind:\n  infrahub.node.id: [[x]]",
            "c.yaml:2:21: a value of `infrahub.node.kind` in `routes[0].when.match` must be a text or a list of texts, this is nothing\n  help: give the text, or remove the label\n\
             c.yaml:3:22: a value of `infrahub.node.id` in `routes[0].when.match` must be a text or a list of texts, this is a list\n  help: give the text, or remove the label",
        ),
        (
            "match: { infrahub.node.kind: [A, ''] }",
            "c.yaml:1:34: a value of `infrahub.node.kind` in `routes[0].when.match` is empty, which the label never is\n  help: remove it; `*` matches everything that has the label",
        ),
        (
            "match: { infrahub.node.kind: '!*' }",
            "c.yaml:1:30: a value of `infrahub.node.kind` in `routes[0].when.match` is `!*`, which nothing matches\n  help: remove the label",
        ),
        (
            "match: { infrahub.node.kind: '*Device' }",
            "c.yaml:1:30: a value of `infrahub.node.kind` in `routes[0].when.match` is `*Device`, where a `*` that is not at the end stands for itself\n  help: write a beginning and `*`, or use `kind:`, `type:` and their like, which take globs",
        ),
        (
            "match_related: { prefect.resource.role: infrahub.node.attribute_updat }",
            "c.yaml:1:41: a value of `prefect.resource.role` in `routes[0].when.match_related` is `infrahub.node.attribute_updat`, which it never has\n  help: did you mean `infrahub.node.attribute_update`?",
        ),
        (
            "match_related: { prefect.resource.role: infrahub.ancestor_event }",
            "c.yaml:1:41: a value of `prefect.resource.role` in `routes[0].when.match_related` is `infrahub.ancestor_event`, which no webhook tells\n  help: remove it: only inside Infrahub it can be asked for",
        ),
        (
            "match_related: { infrahub.attribute.action: update }",
            "c.yaml:1:45: a value of `infrahub.attribute.action` in `routes[0].when.match_related` is `update`, which it never has\n  help: did you mean `updated`?",
        ),
    ]);
}

proptest! {
    #[test]
    fn reading_any_mapping_never_panics(labels in documents(), key in prop::sample::select(vec!["match", "match_related", "event_type", "node_kind"])) {
        let when = format!("{{ {key}: {labels} }}");
        let node = crate::yaml::parse("c", &when, &mut Problems::default());
        if let Some(node) = node {
            Match::compile("c", "r", &[], Some(&node), &mut Problems::default());
        }
    }
}
