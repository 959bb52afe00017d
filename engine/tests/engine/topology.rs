//! Goal: what is wrong with a program is found when it is built, all of it at once; what is right is
//! described.

use thalweg::{App, Emit, Text, TopologyFault, Tumbling, Watermark, millis, secs};

fn faults(app: &App) -> Vec<TopologyFault> {
    app.build().expect_err("it is wrong").faults().to_vec()
}

#[test]
fn a_program_without_a_sink_does_nothing() {
    let app = App::new("idle");
    assert_eq!(faults(&app), [TopologyFault::Empty]);
    let _unused = app.source::<Text>("in").filter(|_| true);
    assert_eq!(faults(&app), [TopologyFault::Empty]);
}

#[test]
fn names_and_topics_that_kafka_would_refuse_are_named() {
    let app = App::new("white space");
    app.source::<Text>("in/out").sink::<Text>("");
    let faults = faults(&app);
    assert_eq!(faults.len(), 3, "{faults:?}");
    let text = app.build().expect_err("it is wrong").to_string();
    for part in [
        "`white space` of the application",
        "`in/out` has '/'",
        "`` is empty",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_name_stands_for_one_state() {
    let app = App::new("twice");
    let keyed = || app.source::<Text>("in").by_record_key();
    keyed()
        .aggregate("same", |a| a.count())
        .map(|c| c.value.to_string())
        .sink::<Text>("one");
    let other = app.source::<Text>("in2").by_record_key();
    other
        .aggregate("same", |a| a.count())
        .map(|c| c.value.to_string())
        .sink::<Text>("two");
    assert_eq!(
        faults(&app),
        [TopologyFault::DuplicateName {
            name: "same".to_owned()
        }]
    );
}

#[test]
fn a_topic_is_one_source() {
    let app = App::new("twice");
    app.source::<Text>("in").sink::<Text>("one");
    app.source::<Text>("in").sink::<Text>("two");
    assert_eq!(
        faults(&app),
        [TopologyFault::DuplicateSource {
            topic: "in".to_owned()
        }]
    );
}

#[test]
fn event_time_is_set_before_the_stream_is_used() {
    let app = App::new("late");
    let source = app.source::<Text>("in");
    source.clone().sink::<Text>("one");
    source
        .event_time(|text| text.len() as i64, Watermark::ascending())
        .sink::<Text>("two");
    assert_eq!(
        faults(&app),
        [TopologyFault::LateEventTime {
            topic: "in".to_owned()
        }]
    );
}

#[test]
fn windows_and_emission_that_make_no_sense_are_refused() {
    let app = App::new("senseless");
    let source = app.source::<Text>("in");
    source
        .clone()
        .by_record_key()
        .aggregate("never", |a| a.count())
        .emit(Emit::OnClose)
        .map(|c| c.value.to_string())
        .sink::<Text>("one");
    source
        .clone()
        .by_record_key()
        .window(Tumbling::of(millis(0)))
        .aggregate("nothing", |a| a.count())
        .map(|c| c.value.to_string())
        .sink::<Text>("two");
    source
        .by_record_key()
        .window(Tumbling::of(millis(10)).offset_ms(10))
        .aggregate("offset", |a| a.count())
        .by_record_key()
        .window(Tumbling::of(millis(10)))
        .aggregate("late", |a| a.count())
        .late_to("late")
        .map(|c| c.value.to_string())
        .sink::<Text>("three");
    let faults = faults(&app);
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert!(matches!(&faults[0], TopologyFault::NeverCloses { operator } if operator == "never"));
    assert!(matches!(&faults[1], TopologyFault::Window { operator, .. } if operator == "nothing"));
    assert!(matches!(&faults[2], TopologyFault::Window { operator, .. } if operator == "offset"));
    assert!(matches!(&faults[3], TopologyFault::NoRecordToSend { operator } if operator == "late"));
}

#[test]
fn the_description_shows_the_way_of_the_records() {
    let app = App::new("words");
    app.source::<Text>("lines")
        .flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .key_by_ref("word", |word| word.as_str())
        .window(Tumbling::of(secs(5)))
        .aggregate("counts", |a| (a.count(), a.max(|word| word.len() as u64)))
        .map(|count| format!("{} {:?}", count.key, count.value))
        .sink::<Text>("out");
    let topology = app.build().expect("the program is right");
    let expected = "application words
sub-topology 0
  source lines
  sink words-word-repartition ← lines: flat_map
sub-topology 1
  source words-word-repartition
  operator counts (tumbling 5000 ms: (count, max u64)) ← words-word-repartition
  sink out ← counts: map
";
    assert_eq!(topology.describe(), expected);
    let mermaid = topology.mermaid();
    assert!(mermaid.starts_with("flowchart LR\n"), "{mermaid}");
    assert!(mermaid.contains("n0 -->|flat_map| n2"), "{mermaid}");
}

#[test]
fn topologies_can_be_shared_by_threads_even_if_closures_cannot() {
    let app = App::new("cells");
    let cell = std::cell::Cell::new(0_u64);
    app.source::<Text>("in")
        .map(move |text| {
            cell.set(cell.get() + 1);
            format!("{} {text}", cell.get())
        })
        .sink::<Text>("out");
    let topology = app.build().expect("the program is right");
    let description = std::thread::scope(|scope| {
        scope
            .spawn(|| topology.describe().to_owned())
            .join()
            .expect("it does not panic")
    });
    assert_eq!(topology.describe(), description);
}
