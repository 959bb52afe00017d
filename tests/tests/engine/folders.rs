//! The state folder: full, read-only, corrupt, in use.

use std::io;
use std::path::Path;

use thalweg::{App, AppError, FolderStorage, MemoryStorage, StateFolderError, secs};
use thalweg_protocol::messages::JoinGroupRequest;
use thalweg_tests::brokers::{Kafka, Tests};

use crate::support::{Corner, PATIENCE, assert_says, count, numbers, stop, to_the_end};
use crate::wire::{Fate, Gate, Wire};

pub(crate) fn tests(tests: Tests) -> Tests {
    tests
        .test(
            "a_state_folder_that_cannot_be_used_is_named_before_anything_is_done",
            async |kafka| {
                a_state_folder_that_cannot_be_used_is_named_before_anything_is_done(&kafka).await;
            },
        )
        .test(
            "a_disk_that_fills_up_while_it_runs_stops_the_app",
            async |kafka| a_disk_that_fills_up_while_it_runs_stops_the_app(&kafka).await,
        )
}

async fn refused(corner: &Corner, app: App) -> StateFolderError {
    count(&app, corner);
    match app.start().await {
        Err(AppError::StateFolder(error)) => error,
        other => panic!("{other:?}"),
    }
}

async fn a_state_folder_that_cannot_be_used_is_named_before_anything_is_done(kafka: &Kafka) {
    let corner = Corner::new(kafka, "folder", 1).await;
    corner.write(numbers(0, 10, 5)).await;
    let temporary = tempfile::tempdir().expect("a folder");
    let of_app = temporary.path().join(&corner.name);
    std::fs::create_dir(&of_app).expect("a folder");
    let folder = of_app.display().to_string();
    let app = || corner.app().state_dir(temporary.path());

    // Whatever is written there meets a full disk.
    if Path::new("/dev/full").exists() {
        let aside = of_app.join("instance.new");
        std::os::unix::fs::symlink("/dev/full", &aside).expect("a link");
        let error = refused(&corner, app()).await;
        assert!(
            matches!(error, StateFolderError::Unwritable { .. }),
            "{error}"
        );
        assert_says(
            &error.to_string(),
            &[&folder, "No space left", "free space"],
        );
        std::fs::remove_file(&aside).expect("removed");
    }
    for fault in [
        io::ErrorKind::StorageFull,
        io::ErrorKind::ReadOnlyFilesystem,
    ] {
        let broken = MemoryStorage::new();
        broken.set_fault(Some(fault));
        let error = refused(&corner, corner.app().storage(broken)).await;
        assert!(
            matches!(error, StateFolderError::Unwritable { .. }),
            "{error}"
        );
        assert_says(&error.to_string(), &["memory", "writable disk"]);
    }
    // A place where not even root can make a folder.
    if Path::new("/sys/kernel").exists() {
        let app = corner.app().storage(FolderStorage::new("/sys/thalweg"));
        let error = refused(&corner, app).await;
        assert!(
            matches!(error, StateFolderError::Unwritable { .. }),
            "{error}"
        );
        assert_says(&error.to_string(), &["/sys/thalweg", "writable disk"]);
    }

    std::fs::write(of_app.join("instance"), b"thalweg-instance 1\nscribble").expect("written");
    let error = refused(&corner, app()).await;
    assert!(matches!(error, StateFolderError::Corrupt { .. }), "{error}");
    assert_says(&error.to_string(), &[&folder, "\"instance\"", "delete it"]);
    std::fs::remove_file(of_app.join("instance")).expect("as it says");

    let first = app();
    count(&first, &corner);
    let running = first.start().await.expect("nothing was lost");
    let error = refused(&corner, app()).await;
    assert!(matches!(error, StateFolderError::InUse { .. }), "{error}");
    assert_says(&error.to_string(), &[&folder, "of its own"]);
    corner.read_at_least("out", 10).await;
    stop(running).await;
    assert_eq!(corner.read("out").await.len(), 10);
}

/// It is full when the worker is told who it is in its group, which the folder has to remember.
async fn a_disk_that_fills_up_while_it_runs_stops_the_app(kafka: &Kafka) {
    let corner = Corner::new(kafka, "fills-up", 1).await;
    corner.write(numbers(0, 10, 5)).await;
    let (storage, wire) = (MemoryStorage::new(), Wire::new());
    let gate = Gate::closed();
    let held = gate.clone();
    wire.rule(move |asked| match asked.is::<JoinGroupRequest>() {
        Some(_) => Fate::HoldRequest(held.clone()),
        None => Fate::Pass,
    });
    let app = corner
        .app()
        .client_config(wire.client(&corner.servers))
        .storage(storage.clone());
    count(&app, &corner);
    let running = app.start().await.expect("started");
    storage.set_fault(Some(io::ErrorKind::StorageFull));
    gate.open();
    let ended = tokio::time::timeout(PATIENCE, running.wait()).await;
    let error = ended.expect("it stops by itself").expect_err("by an error");
    assert!(
        matches!(
            error,
            AppError::StateFolder(StateFolderError::Unwritable { .. })
        ),
        "{error}"
    );
    assert_says(&error.to_string(), &["memory", "free space"]);
    assert_eq!(corner.read("out").await, []);
    storage.set_fault(None);
    tokio::time::sleep(secs(1)).await;
    let app = corner.app().storage(storage);
    count(&app, &corner);
    to_the_end(&app).await.expect("there is space again");
    assert_eq!(corner.read("out").await.len(), 10);
}
