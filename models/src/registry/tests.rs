use super::*;
use crate::artifact::BundleError;
use crate::testing::{bundle, candidates};
use std::sync::Arc;

fn name() -> ModelName {
    "churn".parse().unwrap()
}

fn reference(text: &str) -> ModelRef {
    text.parse().unwrap()
}

fn small() -> Bundle {
    bundle(&candidates()[0]).0
}

#[test]
fn publish_list_show_promote_and_roll_back() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::at(&folder.path().join("models"));
    assert_eq!(registry.list().unwrap(), []);
    let mut bundle = small();
    for number in 1..=2 {
        let published = registry.publish(&name(), &mut bundle, Promotion::Promote).unwrap();
        assert_eq!(published.version, Version(number));
        assert!(published.path.ends_with(format!("churn/v00000{number}/bundle.holdfast")));
    }
    registry.publish(&name(), &mut bundle, Promotion::Hold).unwrap();
    let versions = vec![Version(1), Version(2), Version(3)];
    let entry = ModelEntry { name: name(), versions, current: Some(Version(2)) };
    assert_eq!(registry.list().unwrap(), [entry]);
    assert_eq!(registry.show(&reference("churn")).unwrap().version, "v000002");
    assert_eq!(registry.load(&reference("churn@3")).unwrap().manifest.version, "v000003");
    registry.promote(&name(), Version(3)).unwrap();
    assert_eq!(registry.rollback(&name()).unwrap(), Version(2));
    assert_eq!(registry.rollback(&name()).unwrap(), Version(1));
    assert!(matches!(registry.rollback(&name()), Err(RegistryError::NoEarlier(_))));
    assert_eq!(registry.resolve(&reference("churn")).unwrap().0, Version(1));
}

#[test]
fn a_publisher_killed_at_any_step_leaves_the_old_version_current_and_intact() {
    let killed = || RegistryError::NoEarlier("killed".into());
    for step in [Step::Locked, Step::Tidied, Step::FolderMade, Step::BundleWritten] {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::at(folder.path());
        let mut bundle = small();
        registry.publish(&name(), &mut bundle, Promotion::Promote).unwrap();
        let before = fs::read(registry.resolve(&reference("churn")).unwrap().1).unwrap();
        let result = registry.publish_in_steps(&name(), &mut bundle, Promotion::Promote, |done| {
            if done == step { Err(killed()) } else { Ok(()) }
        });
        assert!(result.is_err());
        let (version, path) = registry.resolve(&reference("churn")).unwrap();
        assert_eq!((version, fs::read(path).unwrap()), (Version(1), before), "{step:?}");
        assert_eq!(registry.load(&reference("churn")).unwrap().manifest.version, "v000001");
        // The next publisher tidies up and goes on.
        let next = registry.publish(&name(), &mut bundle, Promotion::Promote).unwrap();
        let expected = if step == Step::BundleWritten { Version(3) } else { Version(2) };
        assert_eq!(next.version, expected, "{step:?}");
        assert_eq!(registry.resolve(&reference("churn")).unwrap().0, expected);
        for version in registry.list().unwrap().remove(0).versions {
            registry.load(&ModelRef { name: name(), version: Some(version) }).unwrap();
        }
    }
}

#[test]
fn publishers_at_the_same_time_get_versions_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(Registry::at(folder.path()));
    let bundle = small();
    let publishers: Vec<_> = (0..6)
        .map(|_| {
            let (registry, mut bundle) = (Arc::clone(&registry), bundle.clone());
            std::thread::spawn(move || {
                registry.publish(&name(), &mut bundle, Promotion::Promote).unwrap().version
            })
        })
        .collect();
    let mut versions: Vec<Version> = publishers.into_iter().map(|thread| thread.join().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=6).map(Version).collect::<Vec<_>>());
    for version in versions {
        registry.load(&ModelRef { name: name(), version: Some(version) }).unwrap();
    }
}

#[test]
fn each_failure_has_its_own_error() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::at(folder.path());
    let mut bundle = small();
    let none = registry.load(&reference("churn")).unwrap_err();
    assert!(matches!(none, RegistryError::NoModel { .. }));
    registry.publish(&name(), &mut bundle, Promotion::Hold).unwrap();
    assert!(matches!(registry.load(&reference("churn")), Err(RegistryError::NoCurrent(_))));
    assert!(matches!(registry.rollback(&name()), Err(RegistryError::NoCurrent(_))));
    let no_version = registry.promote(&name(), Version(9)).unwrap_err();
    assert_eq!(no_version.to_string(), "model `churn` has no version v000009; it has: v000001");

    let current = folder.path().join("churn/current");
    fs::copy(folder.path().join("churn/v000001/bundle.holdfast"), folder.path().join("copy")).unwrap();
    artifact::write(&current, b"v000001\nnonsense\n").unwrap();
    assert!(matches!(registry.load(&reference("churn")), Err(RegistryError::Pointer { line: 2, .. })));
    registry.promote(&name(), Version(1)).unwrap();
    assert!(registry.load(&reference("churn")).is_ok(), "promoting repairs the pointer");

    let misplaced = folder.path().join("churn/v000005");
    fs::create_dir(&misplaced).unwrap();
    fs::copy(folder.path().join("copy"), misplaced.join(BUNDLE_FILE)).unwrap();
    assert!(matches!(registry.load(&reference("churn@5")), Err(RegistryError::Misplaced { .. })));
    artifact::write(&misplaced.join(BUNDLE_FILE), b"HOLDFAST").unwrap();
    assert!(matches!(registry.promote(&name(), Version(5)), Err(RegistryError::File(_))));
    assert_eq!(registry.resolve(&reference("churn")).unwrap().0, Version(1));

    bundle.manifest.specs.pop();
    let unpublishable = registry.publish(&name(), &mut bundle, Promotion::Promote).unwrap_err();
    assert!(matches!(unpublishable, RegistryError::Unpublishable(BundleError::Disagree(_))));
    assert_eq!(registry.list().unwrap().remove(0).versions, [Version(1), Version(5)]);
    let file = Registry::at(&folder.path().join("copy"));
    assert!(matches!(file.publish(&name(), &mut small(), Promotion::Hold), Err(RegistryError::Io { .. })));
}

#[test]
fn the_last_version_number_is_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::at(folder.path());
    let last = folder.path().join("churn").join(Version(u32::MAX).to_string());
    fs::create_dir_all(&last).unwrap();
    artifact::write(&last.join(BUNDLE_FILE), b"").unwrap();
    let full = registry.publish(&name(), &mut small(), Promotion::Hold);
    assert!(matches!(full, Err(RegistryError::Full(_))));
}
