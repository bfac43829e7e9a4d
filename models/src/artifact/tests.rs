use super::*;
use crate::testing::{bundle, candidates};
use proptest::prelude::*;
use std::sync::LazyLock;

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| bundle(&candidates()[2]).0.to_bytes().unwrap());

/// The file's header, manifest and payload put together again, with a right checksum.
fn sealed(format: u32, manifest: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&format.to_le_bytes());
    bytes.extend_from_slice(&(manifest.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(manifest);
    bytes.extend_from_slice(payload);
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    bytes
}

#[test]
fn what_is_written_is_read() {
    for candidate in candidates() {
        let (bundle, table) = bundle(&candidate);
        let bytes = bundle.to_bytes().unwrap();
        let read = Bundle::from_bytes(&bytes).unwrap();
        assert_eq!(read.manifest, bundle.manifest);
        assert_eq!(read.benchmarks, bundle.benchmarks);
        assert_eq!(read.horizons, bundle.horizons);
        assert_eq!(read.outcomes, bundle.outcomes);
        assert_eq!(read.to_bytes().unwrap(), bytes, "the same bytes again");
        for row in 0..table.n_rows() {
            let (before, after) = (bundle.model.predict(table.row(row)), read.model.predict(table.row(row)));
            assert_eq!(before.probability.to_bits(), after.probability.to_bits());
        }
    }
}

#[test]
fn each_damage_has_its_own_error() {
    let bytes = &*BYTES;
    let error = |bytes: &[u8]| Bundle::from_bytes(bytes).unwrap_err();
    assert!(matches!(error(b""), BundleError::NotABundle));
    assert!(matches!(error(b"PK\x03\x04 something else"), BundleError::NotABundle));
    assert!(matches!(error(b"HOLD"), BundleError::Truncated { .. }));
    assert!(matches!(error(&bytes[..HEADER - 1]), BundleError::Truncated { .. }));
    let short = error(&bytes[..bytes.len() - 1]);
    assert!(matches!(short, BundleError::Truncated { expected, found } if expected == found + 1), "{short}");
    let long = [bytes.as_slice(), b"12"].concat();
    assert!(matches!(error(&long), BundleError::Trailing { extra: 2 }));
    let mut flipped = bytes.clone();
    flipped[HEADER + 40] ^= 1;
    assert!(matches!(error(&flipped), BundleError::ChecksumMismatch));
    let mut huge = bytes.clone();
    huge[20..28].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(error(&huge), BundleError::TooLarge { part: "payload", .. }));

    let parts = Parts::of(bytes).unwrap();
    let later = error(&sealed(FORMAT + 1, parts.manifest, parts.payload));
    assert!(matches!(later, BundleError::UnsupportedVersion { found } if found == FORMAT + 1), "{later}");
    assert!(later.to_string().contains("train again"));
    assert!(matches!(error(&sealed(FORMAT, b"{}", parts.payload)), BundleError::Manifest(_)));
    assert!(matches!(error(&sealed(FORMAT, parts.manifest, b"")), BundleError::Payload(_)));
    let more = [parts.payload, b"1"].concat();
    assert!(matches!(error(&sealed(FORMAT, parts.manifest, &more)), BundleError::PayloadTrailing(1)));
    let mut manifest = parts.manifest().unwrap();
    manifest.specs[1].name = "other".into();
    let other = serde_json::to_vec(&manifest).unwrap();
    assert!(matches!(error(&sealed(FORMAT, &other, parts.payload)), BundleError::Disagree("the features")));
    manifest.format = 9;
    let other = serde_json::to_vec(&manifest).unwrap();
    assert!(matches!(error(&sealed(FORMAT, &other, parts.payload)), BundleError::Disagree("the format")));
}

#[test]
fn bundles_of_the_first_formats_are_read_and_know_less() {
    let (bundle, table) = bundle(&candidates()[0]);
    let mut manifest = bundle.manifest.clone();
    manifest.format = 1;
    let payload = postcard::to_stdvec(&(&bundle.model, &bundle.benchmarks)).unwrap();
    let bytes = sealed(1, &serde_json::to_vec(&manifest).unwrap(), &payload);
    let read = Bundle::from_bytes(&bytes).unwrap();
    assert_eq!((read.manifest.format, &read.horizons, &read.outcomes), (1, &None, &None));
    let prediction = read.model.predict(table.row(0));
    // Offsets by segment came with format 3; of a segment without one nothing else may differ.
    let offset = |row: usize| bundle.model.encoded(table.row(row))[bundle.model.n_classifiers()][0];
    let differs = |row: usize| read.model.predict(table.row(row)) != bundle.model.predict(table.row(row));
    assert!((0..table.n_rows()).all(|row| differs(row) == (offset(row) != 0.0)));
    assert!((0..table.n_rows()).any(differs));
    assert_eq!(read.horizon_risks(table.row(0), &prediction), None);
    let mut manifest = bundle.manifest.clone();
    manifest.format = 2;
    let second = (&bundle.model, &bundle.benchmarks, &bundle.horizons, &bundle.outcomes);
    let second = postcard::to_stdvec(&second).unwrap();
    let second = Bundle::from_bytes(&sealed(2, &serde_json::to_vec(&manifest).unwrap(), &second)).unwrap();
    assert_eq!((&second.horizons, &second.outcomes), (&bundle.horizons, &bundle.outcomes));
    assert_eq!(second.model.predict(table.row(0)), prediction);
    // It is not passed on as what it is not.
    assert!(matches!(read.to_bytes(), Err(BundleError::Disagree("the format"))));
    // A file that says it is new and is old, and the reverse.
    let manifest = serde_json::to_vec(&bundle.manifest).unwrap();
    assert!(matches!(Bundle::from_bytes(&sealed(FORMAT, &manifest, &payload)), Err(BundleError::Payload(_))));
    let bytes = bundle.to_bytes().unwrap();
    let parts = Parts::of(&bytes).unwrap();
    assert!(Bundle::from_bytes(&sealed(1, parts.manifest, parts.payload)).is_err());
}

#[test]
fn a_file_that_is_missing_or_damaged_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.holdfast");
    let missing = Bundle::read(&path).unwrap_err();
    assert!(matches!(missing.error, BundleError::Io(_)));
    write(&path, &BYTES[..100]).unwrap();
    let error = Bundle::read_manifest(&path).unwrap_err();
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    write(&path, &BYTES).unwrap();
    assert_eq!(Bundle::read(&path).unwrap().manifest, Bundle::read_manifest(&path).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn one_changed_byte_anywhere_is_an_error(at in 0..BYTES.len(), change in 1..=255_u8) {
        let mut bytes = BYTES.clone();
        bytes[at] ^= change;
        prop_assert!(Bundle::from_bytes(&bytes).is_err());
    }

    #[test]
    fn every_beginning_is_an_error(length in 0..BYTES.len()) {
        prop_assert!(Bundle::from_bytes(&BYTES[..length]).is_err());
    }

    /// Behind a right checksum, a changed payload is refused or answers without panic.
    #[test]
    fn a_forged_payload_never_panics(changes in prop::collection::vec((0..1_usize << 20, any::<u8>()), 1..4)) {
        let parts = Parts::of(&BYTES).unwrap();
        let mut payload = parts.payload.to_vec();
        for (at, value) in changes {
            let at = at % payload.len();
            payload[at] = value;
        }
        if let Ok(bundle) = Bundle::from_bytes(&sealed(FORMAT, parts.manifest, &payload)) {
            let (table, _) = crate::testing::table(20);
            for row in 0..20 {
                let prediction = bundle.model.predict(table.row(row));
                prop_assert!(prediction.p_low <= prediction.p_high);
                for risk in bundle.horizon_risks(table.row(row), &prediction).into_iter().flatten() {
                    prop_assert!((0.0..=1.0).contains(&risk.churn_probability));
                }
                if let Some(found) = bundle.outcome_probabilities(table.row(row), &prediction, &mut Scratch::default()) {
                    prop_assert!(found.churned.to_bits() == prediction.probability.to_bits());
                }
                let _ = bundle.model.explain(table.row(row));
            }
            let _ = bundle.benchmarks.percentile(Some("A"), "usage", 3.0);
        }
    }
}
