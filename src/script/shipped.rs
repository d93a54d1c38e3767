//! The worked scripts, also carried inside the binary: for `demo`, and to copy from.

/// Path below the config's folder, and text, of every worked script and its tests.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    &FILES
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../", $name)))),*]
    };
}

static FILES: [(&str, &str); 15] = files![
    "scripts/awx_job_launch.rhai",
    "scripts/awx_job_launch.test.yaml",
    "scripts/awx_storm.rhai",
    "scripts/awx_storm.test.yaml",
    "scripts/device_status.rhai",
    "scripts/device_status.test.yaml",
    "scripts/interface_owner.rhai",
    "scripts/interface_owner.test.yaml",
    "scripts/kriten_extra_vars.rhai",
    "scripts/kriten_extra_vars.test.yaml",
    "scripts/lib/text.rhai",
    "scripts/servicenow_record.rhai",
    "scripts/servicenow_record.test.yaml",
    "scripts/slack_message.rhai",
    "scripts/slack_message.test.yaml",
];
