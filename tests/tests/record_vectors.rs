//! Record sets of every format and codec read as Kafka's Java code reads them.

use std::path::PathBuf;

use thalweg_tests::record_vectors::{FILES, check_file};

#[test]
fn record_sets_read_as_in_java() {
    let vectors = std::env::var_os("THALWEG_VECTORS").map(PathBuf::from);
    let vectors = vectors.unwrap_or_else(|| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("vectors")
            .join("wire")
    });
    let mut failed = 0;
    for file in FILES {
        let report = check_file(&vectors, file).expect("the vectors are there");
        println!(
            "records/{file}.jsonl: {} passed, {} failed, {} built anew byte by byte",
            report.passed,
            report.failed.len(),
            report.rebuilt
        );
        for why in report.failed.iter().take(20) {
            println!("  {why}");
        }
        failed += report.failed.len();
    }
    assert_eq!(failed, 0);
}
