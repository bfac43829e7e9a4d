//! The protocol keeps to buf's STANDARD style, and every part of it is documented.

#![expect(clippy::unwrap_used, reason = "a step of a test that fails is the test's failure")]

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_proto::{FILE_DESCRIPTOR_SET, SERVICES};
use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

fn files() -> Vec<FileDescriptorProto> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos: Vec<_> =
        std::fs::read_dir(root.join("holdfast/v1")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_source_info(true).open_files(&protos).unwrap();
    compiler.file_descriptor_set().file
}

fn upper_snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

#[test]
fn files_live_where_their_package_says() {
    for file in files() {
        assert_eq!(file.package(), "holdfast.v1", "{}", file.name());
        assert!(file.name().starts_with("holdfast/v1/"), "{}", file.name());
        assert_eq!(file.syntax(), "proto3");
    }
}

#[test]
fn enums_begin_with_unspecified_and_prefix_their_values() {
    let mut seen = 0;
    let check = |declared: &EnumDescriptorProto| {
        let prefix = upper_snake(declared.name());
        assert_eq!(declared.value[0].name(), format!("{prefix}_UNSPECIFIED"));
        assert_eq!(declared.value[0].number(), 0);
        for value in &declared.value {
            assert!(value.name().starts_with(&format!("{prefix}_")), "{}", value.name());
        }
    };
    for file in files() {
        file.enum_type.iter().for_each(check);
        seen += file.enum_type.len();
        for message in &file.message_type {
            message.enum_type.iter().for_each(check);
        }
    }
    assert!(seen >= 5, "{seen} enums");
}

#[test]
fn every_call_has_a_request_and_a_response_of_its_own() {
    let mut services = Vec::new();
    let mut types = BTreeSet::new();
    for file in files() {
        for service in &file.service {
            assert!(service.name().ends_with("Service"));
            services.push(format!("{}.{}", file.package(), service.name()));
            for method in &service.method {
                for (found, suffix) in [(method.input_type(), "Request"), (method.output_type(), "Response")]
                {
                    assert_eq!(found, format!(".holdfast.v1.{}{suffix}", method.name()));
                    assert!(types.insert(found.to_owned()), "{found} is used twice");
                }
            }
        }
    }
    services.sort();
    let mut expected = SERVICES.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(services, expected);
}

#[test]
fn every_declaration_has_a_comment() {
    // Paths of source_code_info that stand for a message, field, oneof, enum, value, service or method.
    let declares = |path: &[i32]| matches!(path, [4..=6, _] | [4, _, 2 | 8, _] | [5, _, 2, _] | [6, _, 2, _]);
    for file in files() {
        for location in &file.source_code_info.as_ref().unwrap().location {
            if declares(&location.path) {
                assert!(
                    !location.leading_comments().trim().is_empty(),
                    "{}, line {}: no comment",
                    file.name(),
                    location.span[0] + 1
                );
            }
        }
    }
}

#[test]
fn the_embedded_descriptor_is_complete_and_current() {
    let embedded = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let names: Vec<_> = embedded.file.iter().map(|file| file.name().to_owned()).collect();
    assert!(names.contains(&"google/protobuf/timestamp.proto".to_owned()), "{names:?}");
    for mut fresh in files() {
        fresh.source_code_info = None;
        let found = embedded.file.iter().find(|file| file.name() == fresh.name());
        assert_eq!(found, Some(&fresh), "run `cargo run -p holdfast-proto --example generate`");
    }
}

#[test]
fn field_names_are_snake_case_and_numbers_have_no_gaps() {
    fn check(message: &DescriptorProto) {
        let numbers: BTreeSet<i32> = message.field.iter().map(|field| field.number()).collect();
        let expected: BTreeSet<i32> = (1..).take(message.field.len()).collect();
        assert_eq!(numbers, expected, "{}", message.name());
        for field in &message.field {
            assert_eq!(field.name(), field.name().to_ascii_lowercase());
        }
        message.nested_type.iter().for_each(check);
    }
    for file in files() {
        file.message_type.iter().for_each(check);
    }
}
