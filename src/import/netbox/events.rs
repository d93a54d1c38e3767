//! Which events a rule is for, and what tells them apart on a route.

use crate::import::record::Record;
use crate::problem::Problems;

/// Flags of old rules, and what they are called since 4.1.
const FLAGS: [(&str, &str); 5] = [
    ("type_create", "object_created"),
    ("type_update", "object_updated"),
    ("type_delete", "object_deleted"),
    ("type_job_start", "job_started"),
    ("type_job_end", "job_ended"),
];

/// The events of a rule by the names they have since 4.1.
pub(super) fn named(record: &Record, problems: &mut Problems) -> Vec<String> {
    if record.has("event_types") {
        return record.texts("event_types", problems).unwrap_or_default();
    }
    if !FLAGS.iter().any(|(flag, _)| record.has(flag)) {
        record.missing("event_types", problems);
    }
    let set = FLAGS.iter().filter(|(flag, _)| record.flag(flag, problems) == Some(true));
    set.map(|(_, event)| (*event).to_owned()).collect()
}

/// A rule's events by what tells them apart on a route.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Of objects: `created`, `updated`, `deleted`.
    pub actions: Vec<&'static str>,
    /// Types of jobs.
    pub jobs: Vec<&'static str>,
    /// Types that plugins brought along.
    pub plugins: Vec<String>,
    /// Some ways for a job to end were asked for, but not all.
    pub some_ends: bool,
}

impl Events {
    pub fn of(events: &[String]) -> Self {
        const ENDS: [&str; 3] = ["job_completed", "job_failed", "job_errored"];
        let has = |event: &str| events.iter().any(|known| known == event);
        let pick = |table: &[(&str, &'static str)]| {
            table.iter().filter(|(event, _)| has(event)).map(|(_, word)| *word).collect::<Vec<_>>()
        };
        let ends = ENDS.iter().filter(|end| has(end)).count();
        let mut jobs = pick(&[("job_started", "netbox.job.started"), ("job_ended", "netbox.job.ended")]);
        if ends > 0 && !has("job_ended") {
            jobs.push("netbox.job.ended");
        }
        let known =
            |event: &String| FLAGS.iter().any(|(_, known)| known == event) || ENDS.contains(&event.as_str());
        Self {
            actions: pick(&[
                ("object_created", "created"),
                ("object_updated", "updated"),
                ("object_deleted", "deleted"),
            ]),
            jobs,
            plugins: events
                .iter()
                .filter(|event| !known(event))
                .map(|event| format!("netbox.{event}"))
                .collect(),
            some_ends: ends > 0 && ends < ENDS.len() && !has("job_ended"),
        }
    }
}

/// A path that selects what NetBox sent if it is about one of the kinds. Before 4.4 only the
/// model is told, which models of other apps may share. `None`: none of the kinds can be told so.
pub(super) fn jobs_of(kinds: &[String]) -> Option<String> {
    let is_word = |kind: &&String| {
        !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let test = |kind: &String| {
        let model = kind.rsplit('.').next().unwrap_or(kind);
        format!("@.object_type == \"{kind}\" || (!@.object_type && @.model == \"{model}\")")
    };
    let tests: Vec<String> = kinds.iter().filter(is_word).map(test).collect();
    (!tests.is_empty()).then(|| format!("$.native[?{}]", tests.join(" || ")))
}
