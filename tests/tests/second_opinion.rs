//! Goal: our codecs agree with another implementation on messages that no golden file has. Method:
//! messages filled at random from a seed, encoded by us, decoded and encoded by `kafka-protocol`,
//! and decoded by us again, in every version that both know.

#![expect(
    clippy::indexing_slicing,
    reason = "an index out of bounds is a failed test"
)]

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, Message, VersionRange};
use thalweg_protocol::reflect::{AnyMessage, Codec, Field, Reflect, Slot, Value};
use thalweg_protocol::{Decoder, StrBytes, Uuid};
use thalweg_tests::vectors::to_hex;

/// The same message as the other implementation sees it.
struct Other {
    name: &'static str,
    versions: VersionRange,
    /// Decodes and encodes again.
    recode: fn(Bytes, i16) -> Result<Bytes, String>,
}

fn recode<M: Decodable + Encodable>(mut bytes: Bytes, version: i16) -> Result<Bytes, String> {
    let message = M::decode(&mut bytes, version).map_err(|e| format!("cannot decode: {e}"))?;
    if !bytes.is_empty() {
        return Err(format!("{} bytes are left over", bytes.len()));
    }
    let mut encoded = BytesMut::new();
    message
        .encode(&mut encoded, version)
        .map_err(|e| format!("cannot encode: {e}"))?;
    Ok(encoded.freeze())
}

// Not LeaderChangeMessage and VotersRecord, which `kafka-protocol` 0.18 cannot read back.
macro_rules! others {
    ($($name:ident),* $(,)?) => {
        const OTHERS: &[Other] = &[$(Other {
            name: stringify!($name),
            versions: kafka_protocol::messages::$name::VERSIONS,
            recode: recode::<kafka_protocol::messages::$name>,
        },)*];
    };
}

others! {
    ProduceRequest, ProduceResponse, FetchRequest, FetchResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, JoinGroupRequest, JoinGroupResponse, HeartbeatRequest,
    HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest,
    SyncGroupResponse, DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest,
    ListGroupsResponse, SaslHandshakeRequest, SaslHandshakeResponse, ApiVersionsRequest,
    ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse, InitProducerIdRequest,
    InitProducerIdResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse, EndTxnRequest, EndTxnResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
    DescribeAclsRequest, DescribeAclsResponse, CreateAclsRequest, CreateAclsResponse,
    DeleteAclsRequest, DeleteAclsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    AlterConfigsRequest, AlterConfigsResponse, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    SaslAuthenticateRequest, SaslAuthenticateResponse, CreatePartitionsRequest,
    CreatePartitionsResponse, CreateDelegationTokenRequest, CreateDelegationTokenResponse,
    RenewDelegationTokenRequest, RenewDelegationTokenResponse, ExpireDelegationTokenRequest,
    ExpireDelegationTokenResponse, DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    ElectLeadersRequest, ElectLeadersResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    DescribeClientQuotasRequest, DescribeClientQuotasResponse, AlterClientQuotasRequest,
    AlterClientQuotasResponse, DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse, AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    UpdateFeaturesRequest, UpdateFeaturesResponse, DescribeClusterRequest,
    DescribeClusterResponse, DescribeProducersRequest, DescribeProducersResponse,
    UnregisterBrokerRequest, UnregisterBrokerResponse, DescribeTransactionsRequest,
    DescribeTransactionsResponse, ListTransactionsRequest, ListTransactionsResponse,
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse, GetTelemetrySubscriptionsRequest,
    GetTelemetrySubscriptionsResponse, PushTelemetryRequest, PushTelemetryResponse,
    ListConfigResourcesRequest, ListConfigResourcesResponse, DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse,
    ShareGroupDescribeRequest, ShareGroupDescribeResponse, ShareFetchRequest,
    ShareFetchResponse, ShareAcknowledgeRequest, ShareAcknowledgeResponse, AddRaftVoterRequest,
    AddRaftVoterResponse, RemoveRaftVoterRequest, RemoveRaftVoterResponse,
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse,
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse,
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse, RequestHeader,
    ResponseHeader, ConsumerProtocolSubscription, ConsumerProtocolAssignment, EndTxnMarker,
    DefaultPrincipalData, SnapshotHeaderRecord, SnapshotFooterRecord,
    KRaftVersionRecord,
}

/// A small generator of pseudo-random numbers (SplitMix64): the same seed, the same run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Often small or at a limit, as that is where encodings change.
    fn integer(&mut self) -> i64 {
        match self.below(4) {
            0 => self.below(300) as i64 - 20,
            1 => self.next() as i8 as i64,
            2 => self.next() as i32 as i64,
            _ => self.next() as i64,
        }
    }

    fn text(&mut self) -> String {
        let length = [0, 1, 7, 126, 127, 128, 300][self.below(7) as usize];
        let letters = ['a', 'Z', '0', '-', '.', 'ä', 'ж', '水', '🦀', '\0'];
        (0..length)
            .map(|_| letters[self.below(10) as usize])
            .collect()
    }

    fn bytes(&mut self) -> Bytes {
        let length = self.below(200);
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Sets every field that the version has.
fn fill(message: &mut dyn Reflect, version: i16, flexible: bool, random: &mut Random) {
    message.fields(version, &mut |field: Field<'_>| {
        if field.present && !(field.tagged && random.below(2) == 0) {
            fill_value(field.value, version, flexible, random);
        }
    });
    if let Some(tags) = message
        .unknown_tags()
        .filter(|_| flexible && random.below(4) == 0)
    {
        for _ in 0..=random.below(2) {
            tags.insert(1000 + random.below(100_000) as u32, random.bytes());
        }
    }
}

fn fill_value(value: &mut dyn Value, version: i16, flexible: bool, random: &mut Random) {
    match value.slot() {
        Slot::Bool(value) => *value = random.below(2) == 0,
        Slot::Integer(value) => while !value.set(random.integer()) {},
        Slot::Float(value) => *value = random.integer() as f64 / 8.0,
        Slot::String(text) => *text = StrBytes::from(random.text()),
        Slot::Bytes(bytes) => *bytes = random.bytes(),
        Slot::Uuid(id) => id.clone_from(&Uuid(std::array::from_fn(|_| random.next() as u8))),
        Slot::Array(array) => {
            array.clear();
            for i in 0..random.below(4) as usize {
                array.push_default();
                let element = array.element(i).expect("just pushed");
                fill_value(element, version, flexible, random);
            }
        }
        Slot::Nullable(nullable) => {
            nullable.set_present(random.below(3) > 0);
            if let Some(value) = nullable.value() {
                fill_value(value, version, flexible, random);
            }
        }
        Slot::Structure(structure) => fill(structure, version, flexible, random),
    }
}

/// A message that the version can express: one that has null where it may not is drawn again.
fn random_message(
    codec: &Codec,
    version: i16,
    random: &mut Random,
) -> (Box<dyn AnyMessage>, Bytes) {
    for _ in 0..1000 {
        let mut message = (codec.new)();
        let flexible = version >= codec.first_flexible_version;
        fill(message.reflect(), version, flexible, random);
        if let Ok(bytes) = message.encode(version) {
            return (message, bytes);
        }
    }
    panic!("no {} can be made in version {version}", codec.name);
}

#[test]
fn both_implementations_read_and_write_the_same_bytes() {
    const SEED: u64 = 0x5468_616c_7765_6721;
    const ROUNDS: usize = 40;
    let mut compared = BTreeMap::new();
    let mut failures = Vec::new();
    for other in OTHERS {
        let codec = Codec::named(other.name).expect("known to us");
        let oldest = codec.min_version.max(other.versions.min);
        let newest = codec.max_unstable_version.min(other.versions.max);
        for version in oldest..=newest {
            let mut random = Random(SEED ^ (version as u64) << 32);
            let failure = (0..ROUNDS).find_map(|_| {
                let (message, bytes) = random_message(codec, version, &mut random);
                compare(codec, other, &*message, bytes, version).err()
            });
            match failure {
                Some(failure) => failures.push(format!("{} {version}: {failure}", other.name)),
                None => *compared.entry(other.name).or_insert(0) += 1,
            }
        }
    }
    let versions: usize = compared.values().sum();
    println!(
        "seed {SEED:#x}: {} messages agree, in {versions} versions",
        compared.len()
    );
    assert!(
        failures.is_empty(),
        "{} disagree:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(
        compared.len() > 100,
        "only {} messages are known to both",
        compared.len()
    );
}

#[test]
fn a_difference_would_be_noticed() {
    let other = OTHERS
        .iter()
        .find(|other| other.name == "HeartbeatRequest")
        .expect("known");
    let codec = Codec::named(other.name).expect("known to us");
    let (message, bytes) = random_message(codec, 4, &mut Random(1));
    assert_eq!(compare(codec, other, &*message, bytes.clone(), 4), Ok(()));
    let default = (codec.new)();
    assert!(compare(codec, other, &*default, bytes.clone(), 4).is_err());
    assert!(compare(codec, other, &*message, bytes.slice(1..), 4).is_err());
    assert!(compare(codec, other, &*message, bytes, 3).is_err());
}

fn compare(
    codec: &Codec,
    other: &Other,
    message: &dyn AnyMessage,
    bytes: Bytes,
    version: i16,
) -> Result<(), String> {
    let theirs = (other.recode)(bytes.clone(), version)
        .map_err(|e| format!("{e}, of {}", to_hex(&bytes)))?;
    if theirs != bytes {
        return Err(format!(
            "they write {} for {}",
            to_hex(&theirs),
            to_hex(&bytes)
        ));
    }
    let decoded = (codec.decode)(&mut Decoder::new(theirs), version).map_err(|e| e.to_string())?;
    if decoded.equals(message) {
        Ok(())
    } else {
        Err(format!("{decoded:?} is not {message:?}"))
    }
}
