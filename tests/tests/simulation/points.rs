//! Goal: no `.await` of the commit and restore paths escapes the simulation. Method: the source is
//! read, and each of them has a crash point on it or a reason above it.

use thalweg_client::CrashSide;
use thalweg_tests::simulation::points::{enumerate, scan};

use crate::root;

#[test]
fn every_await_of_the_commit_and_restore_paths_is_a_crash_point() {
    let found = enumerate(root());
    println!("{} crash points", found.points.len());
    for exception in &found.exceptions {
        println!("not one: {exception}");
    }
    assert!(found.missing.is_empty(), "{:#?}", found.missing);
    assert!(found.points.len() > 100, "{}", found.points.len());
}

/// The canary: an await without a point is found wherever rustfmt puts it, as is a branch of a
/// `select!`; a reason excuses one, an empty one does not.
#[test]
fn an_await_without_a_point_is_found() {
    let text = "\
async fn f() {
    one().point().await;
    two().await;
    three()
        .point()
        .await
        .four()
        .await;
    // No crash point: for the fun of it.
    five().await;
    // No crash point:
    six(async { seven().point().await }).await;
    // eight().await;
    select! {
        biased;
        a = nine().point() => {
            match a { _ => 1 }
        }
        b = ten(), if true => 2,
    }
}
#[cfg(test)]
mod tests { async fn g() { eleven().await } }
";
    let found = scan("f.rs", text);
    let missing: Vec<&str> = found
        .missing
        .iter()
        .map(|missing| missing.split(':').nth(1).expect("a line"))
        .collect();
    assert_eq!(missing, ["3", "8", "12", "19"]);
    assert_eq!(found.exceptions.len(), 1, "{:?}", found.exceptions);
    let points: Vec<(u32, u32)> = found
        .points
        .iter()
        .filter(|point| point.side == CrashSide::After)
        .map(|point| (point.line, point.column))
        .collect();
    assert_eq!(points, [(2, 11), (5, 10), (12, 25), (16, 20)]);
}
