//! Goal: a bug is put beside the line it is a bug of, whatever kind of line that is. Method: a line of
//! each kind, and lines of none.

use super::{Diff, graft};

fn grafted(old: &str, new: &str) -> Result<String, String> {
    let new = match new {
        "" => String::new(),
        new => format!("+    {new}\n"),
    };
    let text =
        format!("What is wrong.\n--- f.rs\n+++ f.rs\n@@\n fn f() {{\n-    {old}\n{new} }}\n");
    let diff = Diff::parse("07-name", &text)?;
    let file = format!("fn e() {{\n    {old}\n}}\nfn f() {{\n    {old}\n}}\n");
    let whole = graft(&file, &diff)?;
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(
        lines[..4].join("\n"),
        format!("fn e() {{\n    {old}\n}}\nfn f() {{")
    );
    let end = lines[5..]
        .iter()
        .position(|line| *line == "}")
        .expect("the end of f")
        + 5;
    Ok(lines[4..end].join("\n"))
}

#[test]
fn a_bug_stands_beside_every_kind_of_line() {
    let p = "crate_planted(7)";
    let cases = [
        (
            "if a && b {",
            "if a {",
            format!("if ({p} && (a)) || (!{p} && (a && b)) {{"),
        ),
        (
            "Some(x) if a => b,",
            "Some(x) if c => d,",
            format!("Some(x) if {p} && (c) => d,\nSome(x) if !{p} && (a) => b,"),
        ),
        ("x => a,", "x => b,", format!("x if {p} => b,\nx => a,")),
        (
            "let x = a;",
            "let x = b;",
            format!("let x = if {p} {{ b }} else {{ a }};"),
        ),
        ("x: a,", "x: b,", format!("x: if {p} {{ b }} else {{ a }},")),
        ("a();", "b();", format!("if {p} {{ b(); }} else {{ a(); }}")),
        ("a();", "", format!("if {p} {{  }} else {{ a(); }}")),
        (
            ".f(x, E::Some)",
            ".f(x, E::Same)",
            format!(".f(x, if {p} {{ E::Same }} else {{ E::Some }})"),
        ),
        ("a,", "b,", format!("if {p} {{ b }} else {{ a }},")),
        ("a", "b", format!("if {p} {{ b }} else {{ a }}")),
    ];
    for (old, new, expected) in cases {
        assert_eq!(grafted(old, new).as_deref(), Ok(expected.as_str()), "{old}");
    }
}

#[test]
fn a_diff_that_cannot_be_used_says_why() {
    assert!(grafted("a,", "").is_err());
    let parse = |text| Diff::parse("07-name", text).unwrap_err();
    assert!(parse("--- f\n+++ f\n@@\n-a\n").contains("does not say what"));
    assert!(parse("What.\n--- f\n+++ f\n@@\n-a\n-b\n").contains("2 lines"));
    assert!(parse("What.\n--- f\n+++ g\n@@\n-a\n").contains("two files"));
    let diff = Diff::parse("07-name", "What.\n--- f\n+++ f\n@@\n-a\n+b\n").expect("a diff");
    assert!(diff.place(&["b"]).unwrap_err().contains("does not apply"));
    assert!(diff.place(&["a", "a"]).unwrap_err().contains("several"));
    assert_eq!(diff.place(&["b", "a"]), Ok(1));
}
