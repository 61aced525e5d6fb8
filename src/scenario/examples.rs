//! The scenarios that are shipped: part of the program, so that whoever has nothing else can play them.

/// Each by its file's name and text, in alphabetical order.
pub const EXAMPLES: [(&str, &str); 15] = [
    ("aml-monitoring.journey.toml", include_str!("../../examples/aml-monitoring.journey.toml")),
    ("dead-endpoint.journey.toml", include_str!("../../examples/dead-endpoint.journey.toml")),
    ("migration.journey.toml", include_str!("../../examples/migration.journey.toml")),
    ("plain.journey.toml", include_str!("../../examples/plain.journey.toml")),
    ("qoreid-address.journey.toml", include_str!("../../examples/qoreid-address.journey.toml")),
    ("qoreid-cancelled.journey.toml", include_str!("../../examples/qoreid-cancelled.journey.toml")),
    ("qoreid-dead-endpoint.journey.toml", include_str!("../../examples/qoreid-dead-endpoint.journey.toml")),
    ("qoreid-downtime.journey.toml", include_str!("../../examples/qoreid-downtime.journey.toml")),
    ("qoreid-workflow.journey.toml", include_str!("../../examples/qoreid-workflow.journey.toml")),
    ("qoreid-wrong-address.journey.toml", include_str!("../../examples/qoreid-wrong-address.journey.toml")),
    ("refer-and-approve.journey.toml", include_str!("../../examples/refer-and-approve.journey.toml")),
    ("renewal-in-time.journey.toml", include_str!("../../examples/renewal-in-time.journey.toml")),
    ("renewal-lapsed.journey.toml", include_str!("../../examples/renewal-lapsed.journey.toml")),
    ("resubmission.journey.toml", include_str!("../../examples/resubmission.journey.toml")),
    ("spot-check.journey.toml", include_str!("../../examples/spot-check.journey.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_scenario_is_part_of_the_program() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let files = std::fs::read_dir(directory).expect("the examples").flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".journey.toml")).collect();
        names.sort();
        assert_eq!(names, EXAMPLES.map(|(name, _)| name));
    }
}
