//! A connection that has to say whose it is.
//!
//! ```text
//!   Handshake ── SaslHandshake ──► Exchange ── last message ──► Done
//!       ▲  ApiVersions is fine        │  SaslAuthenticate only    │
//!       │                             └── refused: answered,      │
//!       │                                 then closed             │
//!       └────────────── SaslHandshake again (KIP-368) ────────────┘
//! ```
//! After a handshake in version 0 the mechanism's messages come bare, without a request around them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use thalweg_protocol::sasl::{
    OAUTHBEARER_ACKNOWLEDGEMENT, OAuthBearerLogin, OAuthBearerRefusal, PlainLogin, SaslError,
    SaslMechanism, ScramChallenge, ScramClientFirst, ScramMechanism,
};
use thalweg_protocol::{ApiKey, Decoder, EncodedFrame, ErrorCode, Request, encode_response};
use tokio::time::Instant;

use super::TokenLogin;
use super::token::unsecured;
use crate::cluster::{Cluster, Principal};

/// A connection authenticates again at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is to be done about what was received.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is a request like any other.
    Pass,
    /// This is the answer.
    Answer(EncodedFrame),
    /// This is the answer to a bare message, without its length.
    AnswerBare(Bytes),
    /// The connection ends, after this answer if there is one.
    Refuse(Option<EncodedFrame>),
    /// The connection ends, after the request was answered with this code.
    RefuseWith(ErrorCode),
}

/// How far a connection has come.
#[derive(Debug)]
enum State {
    Handshake,
    Exchange(Exchange),
    Done,
}

#[derive(Debug)]
struct Exchange {
    mechanism: SaslMechanism,
    /// Without requests around the messages.
    bare: bool,
    stage: Stage,
}

/// What the next message has to be.
#[derive(Debug)]
enum Stage {
    First,
    ScramFinal(Box<ScramChallenge>),
    /// What the client is told in the end.
    Acknowledgement(String),
}

/// What a message led to.
enum Progress {
    /// Goes back, and the exchange goes on.
    Continue(Bytes, Stage),
    /// Goes back last.
    Complete(Bytes, TokenLogin),
}

/// The state of a connection.
#[derive(Debug)]
pub(crate) struct SaslSession {
    state: State,
    /// Whose the connection is, once it is somebody's.
    principal: Option<Arc<Principal>>,
    mechanism: Option<SaslMechanism>,
    authenticated_at: Option<Instant>,
    expires_at: Option<Instant>,
    /// Whether the client knows that it has to authenticate again (KIP-368).
    knows_expiry: bool,
}

impl SaslSession {
    /// A new connection.
    pub(crate) fn new() -> Self {
        SaslSession {
            state: State::Handshake,
            principal: None,
            mechanism: None,
            authenticated_at: None,
            expires_at: None,
            knows_expiry: false,
        }
    }

    /// Whose the connection is.
    pub(crate) fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// Whether the connection is somebody's, and nothing is being asked about that.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether the next frame is a bare message.
    pub(crate) fn expects_bare(&self) -> bool {
        matches!(&self.state, State::Exchange(exchange) if exchange.bare)
    }

    /// A request came whose header was read.
    pub(crate) fn handle(
        &mut self,
        cluster: &mut Cluster,
        (key, version, id): (ApiKey, i16, i32),
        body: &Decoder,
    ) -> Step {
        match (&self.state, key) {
            (State::Done, ApiKey::SaslHandshake) if self.may_begin_again(cluster) => {
                self.handshake(cluster, version, id, body)
            }
            (State::Done, _) if self.has_expired(cluster) => Step::Refuse(None),
            (State::Done, _) | (State::Handshake, ApiKey::ApiVersions) => Step::Pass,
            (State::Handshake, ApiKey::SaslHandshake) => self.handshake(cluster, version, id, body),
            (State::Exchange(_), ApiKey::SaslAuthenticate) => {
                self.authenticate(cluster, version, id, body)
            }
            (State::Handshake, _) => Step::Refuse(None),
            (State::Exchange(_), _) => Step::RefuseWith(ErrorCode::ILLEGAL_SASL_STATE),
        }
    }

    fn has_expired(&self, cluster: &Cluster) -> bool {
        self.expires_at.is_some_and(|at| at <= cluster.now.instant)
    }

    fn may_begin_again(&self, cluster: &Cluster) -> bool {
        let since = self.authenticated_at.map(|at| cluster.now.instant - at);
        self.knows_expiry && since.is_some_and(|since| since >= AGAIN_AFTER)
    }

    fn handshake(&mut self, cluster: &Cluster, version: i16, id: i32, body: &Decoder) -> Step {
        let Some(request) = decode::<SaslHandshakeRequest>(body, version) else {
            return Step::Refuse(None);
        };
        let enabled = cluster.security.mechanisms();
        let mut response = SaslHandshakeResponse {
            mechanisms: enabled.iter().map(|one| one.name().into()).collect(),
            ..Default::default()
        };
        let asked = SaslMechanism::from_name(&request.mechanism);
        let Some(mechanism) = asked.filter(|asked| enabled.contains(asked)) else {
            response.error_code = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
            return Step::Refuse(encode::<SaslHandshakeRequest>(&response, version, id));
        };
        // Whoever authenticates again does it as before.
        if self.mechanism.is_some_and(|before| before != mechanism) {
            return Step::Refuse(None);
        }
        let Some(answer) = encode::<SaslHandshakeRequest>(&response, version, id) else {
            return Step::Refuse(None);
        };
        self.state = State::Exchange(Exchange {
            mechanism,
            bare: version == 0,
            stage: Stage::First,
        });
        Step::Answer(answer)
    }

    fn authenticate(
        &mut self,
        cluster: &mut Cluster,
        version: i16,
        id: i32,
        body: &Decoder,
    ) -> Step {
        let Some(request) = decode::<SaslAuthenticateRequest>(body, version) else {
            return Step::Refuse(None);
        };
        self.knows_expiry |= version > 0;
        let mut response = SaslAuthenticateResponse {
            error_message: None,
            ..Default::default()
        };
        match self.advance(cluster, &request.auth_bytes) {
            Ok(bytes) => {
                response.auth_bytes = bytes;
                if self.is_done() {
                    response.session_lifetime_ms = self.lifetime_ms(cluster);
                }
                match encode::<SaslAuthenticateRequest>(&response, version, id) {
                    Some(answer) => Step::Answer(answer),
                    None => Step::Refuse(None),
                }
            }
            Err(message) => {
                response.error_code = ErrorCode::SASL_AUTHENTICATION_FAILED;
                response.error_message = Some(message.into());
                Step::Refuse(encode::<SaslAuthenticateRequest>(&response, version, id))
            }
        }
    }

    /// A bare message came.
    pub(crate) fn handle_bare(&mut self, cluster: &mut Cluster, message: &[u8]) -> Step {
        match self.advance(cluster, message) {
            Ok(bytes) => Step::AnswerBare(bytes),
            Err(_) => Step::Refuse(None),
        }
    }

    /// Takes a message of the mechanism. Gives the one that goes back.
    ///
    /// # Errors
    /// What the client is told.
    fn advance(&mut self, cluster: &mut Cluster, message: &[u8]) -> Result<Bytes, String> {
        let again = self.principal.is_some();
        let State::Exchange(exchange) = &mut self.state else {
            return Err("there is no exchange".to_owned());
        };
        let mechanism = exchange.mechanism;
        let stage = std::mem::replace(&mut exchange.stage, Stage::First);
        let progress = match mechanism {
            SaslMechanism::Plain => plain(cluster, message),
            SaslMechanism::Scram(scram) => match stage {
                Stage::ScramFinal(challenge) => scram_final(*challenge, message),
                _ => scram_first(cluster, scram, message),
            },
            _ => oauthbearer(cluster, stage, message),
        };
        match progress.map_err(|error| error.told_by_server(mechanism, again))? {
            Progress::Continue(bytes, stage) => {
                exchange.stage = stage;
                Ok(bytes)
            }
            Progress::Complete(bytes, login) => {
                self.complete(cluster, mechanism, login)?;
                Ok(bytes)
            }
        }
    }

    fn complete(
        &mut self,
        cluster: &Cluster,
        mechanism: SaslMechanism,
        login: TokenLogin,
    ) -> Result<(), String> {
        let principal = Principal {
            kind: "User".into(),
            name: login.principal.into(),
        };
        if let Some(before) = self
            .principal
            .as_ref()
            .filter(|before| ***before != principal)
        {
            return Err(format!(
                "Cannot change principals during re-authentication from {}: {} to {}: {}",
                before.kind, before.name, principal.kind, principal.name
            ));
        }
        let now = cluster.now;
        let most = cluster.settings.number("connections.max.reauth.ms");
        let most = (most > 0).then_some(most);
        let of_token = login.expires_ms.map(|at| (at - now.wall_ms).max(0));
        let lifetime = match (most, of_token) {
            (Some(most), Some(of_token)) => Some(most.min(of_token)),
            (most, of_token) => most.or(of_token),
        };
        let lifetime = lifetime.and_then(|ms| u64::try_from(ms).ok());
        // What lasts longer than a century need not end.
        let lifetime = lifetime.filter(|ms| *ms < 100 * 365 * 86_400_000);
        self.expires_at = lifetime.map(|ms| now.instant + Duration::from_millis(ms));
        self.authenticated_at = Some(now.instant);
        self.mechanism = Some(mechanism);
        self.principal = Some(Arc::new(principal));
        self.state = State::Done;
        Ok(())
    }

    fn lifetime_ms(&self, cluster: &Cluster) -> i64 {
        let left = self.expires_at.map(|at| at - cluster.now.instant);
        left.map_or(0, |left| i64::try_from(left.as_millis()).unwrap_or(0))
    }
}

fn forever(principal: &str) -> TokenLogin {
    TokenLogin {
        principal: principal.to_owned(),
        expires_ms: None,
    }
}

fn plain(cluster: &Cluster, message: &[u8]) -> Result<Progress, SaslError> {
    let login = PlainLogin::decode(message)?;
    let password = cluster.security.plain.get(login.username());
    login.authenticate(password.map(String::as_str))?;
    let login = forever(login.username());
    Ok(Progress::Complete(Bytes::new(), login))
}

fn scram_first(
    cluster: &mut Cluster,
    mechanism: ScramMechanism,
    message: &[u8],
) -> Result<Progress, SaslError> {
    let first = ScramClientFirst::decode(message)?;
    let username = first.username().to_owned();
    let unknown = || SaslError::WrongProof {
        username: username.clone(),
    };
    // There are no delegation tokens.
    if first.is_token() {
        return Err(unknown());
    }
    let credential = cluster.security.scram(&username, mechanism);
    let credential = credential.ok_or_else(unknown)?.clone();
    let nonce = format!("{:032x}", cluster.random.u128(..));
    let challenge = first.challenge(credential, &nonce)?;
    let message = challenge.message();
    Ok(Progress::Continue(
        message,
        Stage::ScramFinal(Box::new(challenge)),
    ))
}

fn scram_final(challenge: ScramChallenge, message: &[u8]) -> Result<Progress, SaslError> {
    let login = forever(challenge.username());
    let last = challenge.verify(message)?;
    Ok(Progress::Complete(last, login))
}

fn oauthbearer(cluster: &Cluster, stage: Stage, message: &[u8]) -> Result<Progress, SaslError> {
    if let Stage::Acknowledgement(reason) = stage {
        if message != OAUTHBEARER_ACKNOWLEDGEMENT {
            tracing::debug!("a refused token was not acknowledged");
        }
        return Err(SaslError::Refused { reason });
    }
    let login = OAuthBearerLogin::decode(message)?;
    let valid = match &cluster.security.validator {
        Some(validator) => validator(login.token()),
        None => unsecured(login.token(), cluster.now.wall_ms),
    };
    match valid {
        Ok(valid) => {
            let asked = login.authorization_id();
            if !asked.is_empty() && asked != valid.principal {
                return Err(SaslError::AuthorizationId);
            }
            Ok(Progress::Complete(Bytes::new(), valid))
        }
        Err(reason) => {
            tracing::info!(reason, "a token was refused");
            let refusal = OAuthBearerRefusal {
                status: "invalid_token".to_owned(),
                ..Default::default()
            };
            let told = refusal.encode();
            let reason = String::from_utf8_lossy(&told).into_owned();
            Ok(Progress::Continue(told, Stage::Acknowledgement(reason)))
        }
    }
}

fn decode<R: Request>(body: &Decoder, version: i16) -> Option<R> {
    if !(R::MIN_VERSION..=R::MAX_VERSION).contains(&version) {
        return None;
    }
    let mut body = body.clone();
    let request = R::decode(&mut body, version).ok()?;
    body.finish().ok()?;
    Some(request)
}

fn encode<R: Request>(response: &R::Response, version: i16, id: i32) -> Option<EncodedFrame> {
    encode_response::<R>(response, version, id).ok()
}
