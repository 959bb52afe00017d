//! Goal: keys land in the partitions where Java's clients put them. Method: keys hashed and placed
//! by kafka-clients 4.3.0, for ten numbers of partitions, compared one by one.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;
use thalweg_client::{PartitionId, partition_for_key};
use thalweg_protocol::murmur2;
use thalweg_tests::vectors::from_hex;

#[test]
fn keys_land_where_java_puts_them() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/partitioner/partitioner.jsonl.gz");
    let file = std::fs::File::open(&path).expect("the vectors are in the repository");
    let mut text = String::new();
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("text");
    let mut compared = 0;
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).expect("a line of JSON");
        let counts: Vec<usize> = numbers(&vector["parameters"]["partition_counts"]);
        for entry in vector["entries"].as_array().expect("entries") {
            let key = from_hex(entry["key_hex"].as_str().expect("a key"));
            let hash = entry["murmur2"].as_i64().expect("a hash");
            assert_eq!(i64::from(murmur2(&key) as i32), hash, "{entry}");
            let partitions: Vec<i32> = numbers(&entry["partitions"]);
            for (&count, partition) in counts.iter().zip(partitions) {
                let placed = partition_for_key(&key, count);
                assert_eq!(placed, Some(PartitionId(partition)), "of {count}: {entry}");
                compared += 1;
            }
        }
    }
    println!("{compared} placements compared");
    assert!(compared > 4_000, "{compared}");
}

fn numbers<N: TryFrom<i64>>(value: &Value) -> Vec<N> {
    let values = value.as_array().expect("an array");
    values
        .iter()
        .filter_map(|value| value.as_i64().and_then(|value| N::try_from(value).ok()))
        .collect()
}
