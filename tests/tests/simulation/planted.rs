//! Goal: the simulation sees what it is there for. Method: bugs of one line each, which are known to be
//! bugs, are put into a copy of the code; each must make a world fail.

use thalweg_tests::simulation::planted::{all, graft, run};

use crate::root;

/// A diff that does not apply any more is a failure of its own, and quick to find.
#[test]
fn every_planted_bug_applies_to_the_code_as_it_is() {
    let diffs = all(root()).expect("readable diffs");
    assert!(diffs.len() >= 20, "{}", diffs.len());
    let mut numbers: Vec<u32> = diffs.iter().map(|diff| diff.number).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), diffs.len(), "two have one number");
    for diff in &diffs {
        let path = root().join(&diff.path);
        let text = std::fs::read_to_string(&path).expect("the file it changes");
        let grafted = graft(&text, diff).unwrap_or_else(|error| panic!("{}: {error}", diff.name));
        assert_ne!(grafted, text);
        assert!(!diff.path.contains("test"), "{} is not shipped", diff.path);
    }
}

#[test]
fn every_planted_bug_is_caught() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let say = |line: &str| println!("{line}");
    let (caught, all) = run(root(), &[], threads, &say).expect("a build with bugs");
    println!("{caught}/{all} caught");
    assert_eq!(caught, all);
}
