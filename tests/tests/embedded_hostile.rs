//! Goal: no request, however damaged, makes the embedded broker panic, hang or answer what cannot be
//! read, and other clients never notice. Method: Kafka's golden requests of every API and version,
//! sound and damaged in seeded ways, each on a connection of its own, while a witness asks for
//! metadata over another. Time is paused: whoever waits, waits no real time.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value gives null for what it lacks, and an index out of bounds is a failed test"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use thalweg_broker::{EmbeddedBroker, InMemoryStream};
use thalweg_client::Rng;
use thalweg_protocol::messages::{MetadataRequest, MetadataResponse};
use thalweg_protocol::reflect::{CODECS, Codec, Kind};
use thalweg_protocol::{
    ApiKey, Decoder, ErrorCode, decode_request_header, decode_response, encode_request,
};
use thalweg_tests::vectors::{VectorFile, from_hex, to_hex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const PORT: u16 = 9092;

/// How long an answer may take on the paused clock: longer than any time-out within a request that
/// is still sensible. What waits longer is dropped by its client.
const PATIENCE: Duration = Duration::from_secs(600);

/// How many damaged forms of each golden request are sent.
const DAMAGED_FORMS: usize = 6;

/// Requests of all versions of an API that is served, without their lengths.
fn golden_requests() -> BTreeMap<i16, Vec<Vec<u8>>> {
    let mut requests = BTreeMap::<i16, Vec<Vec<u8>>>::new();
    for file in VectorFile::all("wire/messages") {
        let framed = file.name.ends_with("/frames.jsonl");
        for line in file.lines() {
            let Some(hex) = line["hex"].as_str() else {
                continue;
            };
            if framed && line["direction"] == "request" {
                let key = line["api_key"].as_i64().expect("an API") as i16;
                requests
                    .entry(key)
                    .or_default()
                    .push(from_hex(hex)[4..].to_vec());
            } else if line["kind"] == "request" {
                let key = line["api_key"].as_i64().expect("an API") as i16;
                let version = line["version"].as_i64().expect("a version") as i16;
                let body = from_hex(hex);
                requests
                    .entry(key)
                    .or_default()
                    .push(with_header(key, version, &body));
            }
        }
    }
    assert!(requests.len() > 70, "requests of {} APIs", requests.len());
    requests
}

/// A request header without client id.
fn with_header(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(7i32.to_be_bytes());
    frame.extend((-1i16).to_be_bytes());
    let flexible =
        ApiKey::from_code(key).is_some_and(|key| key.request_header_version(version) > 1);
    if flexible {
        frame.push(0);
    }
    frame.extend(body);
    frame
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    rng.below(bound as u64) as usize
}

/// One of the ways in which bytes go wrong. The first ten bytes stay, unless chance says otherwise:
/// without a known API and version nothing of the rest is looked at.
fn damaged(frame: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let first = if below(rng, 8) == 0 {
        0
    } else {
        10.min(frame.len())
    };
    let place = |rng: &mut Rng, length: usize| first + below(rng, (length - first).max(1));
    match below(rng, 5) {
        0 => {
            let at = place(rng, frame.len());
            frame.truncate(at);
        }
        1 => {
            for _ in 0..=below(rng, 6) {
                let at = place(rng, frame.len());
                if let Some(byte) = frame.get_mut(at) {
                    *byte ^= 1 << below(rng, 8);
                }
            }
        }
        2 => {
            const EXTREMES: [&[u8]; 8] = [
                &[0x7f, 0xff, 0xff, 0xff],
                &[0x80, 0, 0, 0],
                &[0xff, 0xff, 0xff, 0xff],
                &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                &[0x80, 0, 0, 0, 0, 0, 0, 0],
                &[0xff, 0xff, 0xff, 0xff, 0x0f],
                &[0x7f, 0xff],
                &[0],
            ];
            let at = place(rng, frame.len());
            for (to, from) in frame.iter_mut().skip(at).zip(EXTREMES[below(rng, 8)]) {
                *to = *from;
            }
        }
        3 => {
            let at = place(rng, frame.len());
            let noise = (0..below(rng, 20))
                .map(|_| rng.next_u64() as u8)
                .collect::<Vec<_>>();
            frame.splice(at..at, noise);
        }
        _ => {
            let from = place(rng, frame.len());
            let to = place(rng, frame.len());
            frame.drain(from.min(to)..from.max(to).min(frame.len()));
        }
    }
    frame
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Answered,
    Closed,
    /// No answer within [`PATIENCE`], as with a produce request that wants none.
    Waits,
}

/// Sends a frame on a connection of its own. An answer must be one to the request.
async fn send(kafka: &EmbeddedBroker, frame: &[u8]) -> Fate {
    let mut stream = kafka.connect(PORT).expect("the broker runs");
    let length = i32::try_from(frame.len()).expect("a short frame");
    stream
        .write_all(&length.to_be_bytes())
        .await
        .expect("an open connection");
    // The broker may close on what it has seen of it.
    let _ = stream.write_all(frame).await;
    match timeout(PATIENCE, read_frame(&mut stream)).await {
        Err(_) => Fate::Waits,
        Ok(None) => Fate::Closed,
        Ok(Some(answer)) => {
            check_answer(frame, answer);
            Fate::Answered
        }
    }
}

async fn read_frame(stream: &mut InMemoryStream) -> Option<Bytes> {
    let length = stream.read_i32().await.ok()?;
    let mut frame = vec![0; usize::try_from(length).expect("a length")];
    stream.read_exact(&mut frame).await.ok()?;
    Some(Bytes::from(frame))
}

fn check_answer(request: &[u8], answer: Bytes) {
    let mut decoder = Decoder::new(Bytes::copy_from_slice(request));
    let (key, header) = decode_request_header(&mut decoder).expect("it was answered");
    let codec = response_codec(key);
    // To ApiVersions in a version it does not have, a broker answers in version 0.
    let defined = codec.min_version..=codec.max_version;
    let version = match header.request_api_version {
        version if defined.contains(&version) => version,
        _ => 0,
    };
    let decode = codec.decode_frame.expect("a response");
    match decode(answer, version) {
        Ok((id, _)) => assert_eq!(id, header.correlation_id, "{} v{version}", codec.name),
        Err(error) => panic!("{} v{version}: {error}", codec.name),
    }
}

fn response_codec(key: ApiKey) -> &'static Codec {
    let mut codecs = CODECS.iter();
    let codec = codecs.find(|codec| codec.kind == Kind::Response(key));
    codec.expect("an API that is served is defined")
}

/// Another client's connection, over which metadata must come at once.
struct Witness {
    stream: InMemoryStream,
    asked: i32,
}

impl Witness {
    async fn ask(&mut self) {
        self.asked += 1;
        let request = MetadataRequest {
            topics: Some(Vec::new()),
            ..Default::default()
        };
        let frame = encode_request(&request, 12, self.asked, Some("witness")).expect("sendable");
        self.stream
            .write_all(&frame.to_bytes())
            .await
            .expect("an open connection");
        let answer = timeout(Duration::from_secs(1), read_frame(&mut self.stream)).await;
        let answer = answer
            .expect("the witness is served at once")
            .expect("an open connection");
        let (id, answer): (i32, MetadataResponse) =
            decode_response::<MetadataRequest>(answer, 12).expect("metadata");
        assert_eq!((id, answer.brokers.len()), (self.asked, 1));
        assert_eq!(answer.error_code, ErrorCode::NONE);
    }
}

/// What was panicked on this thread since this was made, also in tasks whose end nobody looks at.
struct Panics(Arc<Mutex<Vec<String>>>);

impl Panics {
    fn watch() -> Self {
        let panics = Panics(Arc::default());
        let (seen, watched) = (Arc::clone(&panics.0), std::thread::current().id());
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().id() == watched {
                seen.lock()
                    .expect("no panic inside")
                    .push(panic.to_string());
            }
            usual(panic);
        }));
        panics
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic inside"))
    }
}

fn broker() -> EmbeddedBroker {
    EmbeddedBroker::builder()
        .seed(1)
        .start_time_ms(1_700_000_000_000)
        .memory_bytes_max(64 << 20)
        .topic("topic", 3)
        .start_here()
        .expect("it starts")
}

#[tokio::test(start_paused = true)]
async fn a_damaged_request_harms_nobody() {
    let seed = match std::env::var("THALWEG_SEED") {
        Ok(seed) => seed.parse().expect("THALWEG_SEED is a number"),
        Err(_) => Rng::from_entropy().next_u64(),
    };
    println!("seed {seed}");
    let mut rng = Rng::from_seed(seed);
    let kafka = broker();
    let mut witness = Witness {
        stream: kafka.connect(PORT).expect("the broker runs"),
        asked: 0,
    };
    let panics = Panics::watch();
    let mut fates = BTreeMap::<Fate, usize>::new();
    // Each with the first request that led to it.
    let mut faults = BTreeMap::<String, String>::new();
    for (key, frames) in golden_requests() {
        let name = ApiKey::from_code(key).map_or("no API", ApiKey::name);
        for frame in &frames {
            for form in 0..=DAMAGED_FORMS {
                let frame = match form {
                    0 => frame.clone(),
                    _ => damaged(frame, &mut rng),
                };
                *fates.entry(send(&kafka, &frame).await).or_default() += 1;
                for panic in panics.take() {
                    let request = || format!("{name} {}", to_hex(&frame));
                    faults.entry(panic).or_insert_with(request);
                }
            }
        }
        witness.ask().await;
    }
    drop(std::panic::take_hook());
    println!("{fates:?}");
    assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
    // Had all been refused, nothing would have been tried.
    let of = |fate| fates.get(&fate).copied().unwrap_or_default();
    assert!(
        of(Fate::Answered) > 1000 && of(Fate::Closed) > 1000,
        "{fates:?}"
    );
}

/// Frames that lie about their lengths, and bytes of other protocols.
#[tokio::test(start_paused = true)]
async fn what_is_no_frame_closes_its_connection_only() {
    let kafka = broker();
    let mut witness = Witness {
        stream: kafka.connect(PORT).expect("the broker runs"),
        asked: 0,
    };
    let nonsense: [&[u8]; 7] = [
        &[0xff, 0xff, 0xff, 0xff, 0, 18, 0, 0],
        &[0x80, 0, 0, 0],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0],
        &[0, 0, 0, 4, b'a', b'b', b'c', b'd'],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3],
    ];
    for bytes in nonsense {
        let mut stream = kafka.connect(PORT).expect("the broker runs");
        let _ = stream.write_all(bytes).await;
        let answer = timeout(PATIENCE, read_frame(&mut stream)).await;
        assert_eq!(answer, Ok(None), "{bytes:02x?}");
        witness.ask().await;
    }
}

/// A client that stops in the middle of a frame, and one that does not read its answers.
#[tokio::test(start_paused = true)]
async fn a_client_that_stalls_holds_nobody_up() {
    let kafka = broker();
    let request = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let frame = encode_request(&request, 12, 1, None)
        .expect("sendable")
        .to_bytes();
    let mut stalled = Vec::new();
    for cut in 0..frame.len() {
        let mut stream = kafka.connect(PORT).expect("the broker runs");
        stream
            .write_all(&frame[..cut])
            .await
            .expect("an open connection");
        stalled.push(stream);
    }
    let mut deaf = kafka.connect(PORT).expect("the broker runs");
    let flood = async {
        loop {
            deaf.write_all(&frame).await.expect("an open connection");
        }
    };
    assert!(
        timeout(PATIENCE, flood).await.is_err(),
        "it is not held up itself"
    );
    let mut witness = Witness {
        stream: kafka.connect(PORT).expect("the broker runs"),
        asked: 0,
    };
    witness.ask().await;
}

/// Goal: a checker that finds nothing would be of no use. Method: answers to another request.
#[test]
#[should_panic(expected = "HeartbeatResponse")]
fn an_answer_that_cannot_be_read_is_noticed() {
    let request = with_header(ApiKey::Heartbeat.code(), 4, &[1, 0, 0, 0, 0, 1, 0, 0]);
    check_answer(&request, Bytes::from_static(&[0, 0, 0, 7, 0, 0, 0]));
}
