//! Goal: a folder is opened by one instance of one application at a time, remembers what E4 and E6
//! need, and says clearly what is wrong otherwise. Method: folders in memory, restarts by opening
//! the same one again.

use std::io;
use std::sync::Arc;

use super::*;
use crate::seams::{FolderStorage, MemoryStorage};

fn open(
    storage: &MemoryStorage,
    application_id: &str,
    workers: u32,
) -> Result<(StateFolder, Predecessor), StateFolderError> {
    StateFolder::open(Arc::new(storage.clone()), application_id, workers, || 7)
}

const UUID: &str = "00000000000000000000000000000007";

#[test]
fn e4_a_restart_with_fewer_workers_takes_over_every_index_ever_used() {
    let storage = MemoryStorage::new();
    let (folder, _) = open(&storage, "app", 3).unwrap();
    drop(folder);
    let (folder, predecessor) = open(&storage, "app", 1).unwrap();
    let expected: Vec<String> = (0..3)
        .map(|worker| format!("app-{UUID}-{worker}"))
        .collect();
    assert_eq!(predecessor.transactional_ids, expected);
    assert_eq!(folder.transactional_id(0), expected[0]);
    assert_eq!(folder.instance_uuid(), UUID);
}

#[test]
fn e6_a_restart_knows_the_members_of_its_predecessor() {
    let storage = MemoryStorage::new();
    let (folder, predecessor) = open(&storage, "app", 2).unwrap();
    assert_eq!(predecessor.member_ids, Vec::<String>::new());
    folder.remember_member(0, "m-0").unwrap();
    folder.remember_member(1, "m-1").unwrap();
    folder.remember_member(1, "m-2").unwrap();
    drop(folder);
    let (folder, predecessor) = open(&storage, "app", 2).unwrap();
    assert_eq!(predecessor.member_ids, ["m-0", "m-2"]);
    folder.forget_member(0).unwrap();
    drop(folder);
    let (_, predecessor) = open(&storage, "app", 2).unwrap();
    assert_eq!(predecessor.member_ids, ["m-2"]);
}

#[test]
fn a_folder_in_use_is_refused_and_free_again_after_a_crash() {
    let storage = MemoryStorage::new();
    let (running, _) = open(&storage, "app", 1).unwrap();
    let error = open(&storage, "app", 1).unwrap_err();
    assert!(matches!(error, StateFolderError::InUse { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("in use by another running instance"),
        "{error}"
    );
    drop(running);
    open(&storage, "app", 1).unwrap();
}

#[test]
fn a_folder_of_another_application_is_refused_and_stays_as_it_was() {
    let storage = MemoryStorage::new();
    drop(open(&storage, "app", 1).unwrap());
    let before = storage.read(INSTANCE_FILE).unwrap();
    let error = open(&storage, "other", 9).unwrap_err();
    assert!(
        matches!(error, StateFolderError::OtherApplication { .. }),
        "{error}"
    );
    assert_eq!(storage.read(INSTANCE_FILE).unwrap(), before);
}

#[test]
fn a_corrupt_folder_says_what_to_delete() {
    let storage = MemoryStorage::new();
    storage
        .replace(INSTANCE_FILE, b"thalweg-instance 1\nnonsense")
        .unwrap();
    let error = open(&storage, "app", 1).unwrap_err();
    assert!(matches!(error, StateFolderError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("delete it"), "{error}");
}

#[test]
fn a_folder_of_a_later_version_is_refused() {
    let storage = MemoryStorage::new();
    let body = "thalweg-instance 9\n";
    let file = format!("{body}crc32c {:08x}\n", crc32c::crc32c(body.as_bytes()));
    storage.replace(INSTANCE_FILE, file.as_bytes()).unwrap();
    let error = open(&storage, "app", 1).unwrap_err();
    assert!(
        matches!(error, StateFolderError::LaterVersion { version: 9, .. }),
        "{error}"
    );
}

#[test]
fn a_full_disk_is_named_and_changes_nothing() {
    let storage = MemoryStorage::new();
    let (folder, _) = open(&storage, "app", 1).unwrap();
    storage.set_fault(Some(io::ErrorKind::StorageFull));
    let error = folder.remember_member(0, "m-0").unwrap_err();
    assert!(
        matches!(error, StateFolderError::Unwritable { .. }),
        "{error}"
    );
    storage.set_fault(None);
    drop(folder);
    let (_, predecessor) = open(&storage, "app", 1).unwrap();
    assert_eq!(predecessor.member_ids, Vec::<String>::new());
}

#[test]
fn a_path_that_cannot_be_a_folder_is_an_error_with_the_path_in_it() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let storage = Arc::new(FolderStorage::new(file.join("app")));
    let error = StateFolder::open(storage, "app", 1, || 7).unwrap_err();
    assert!(error.to_string().contains("file/app"), "{error}");
}
