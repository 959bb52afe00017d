//! What clients and servers say to each other to log in.

use serde_json::Value;
use thalweg_protocol::sasl::{
    OAUTHBEARER_ACKNOWLEDGEMENT, OAuthBearerLogin, OAuthBearerRefusal, PlainLogin, SaslError,
    SaslMechanism, ScramClient, ScramClientFirst, ScramCredential, ScramMechanism,
    oauthbearer_verify,
};
use thalweg_tests::tally::Outcome;
use thalweg_tests::vectors::{from_hex, to_hex};

use crate::messages::text;

/// A message of PLAIN, and what Kafka's server makes of it.
pub(crate) fn plain(line: &Value) -> Outcome {
    check_plain(line).into()
}

fn check_plain(line: &Value) -> Result<(), String> {
    let message = from_hex(text(line, "hex"));
    if line["note"].is_null() {
        let login = PlainLogin::new(text(line, "user"), text(line, "password"))
            .and_then(|login| login.with_authorization_id(text(line, "authzid")))
            .map_err(|e| e.to_string())?;
        same("message", &login.encode(), &message)?;
    }
    let outcome = PlainLogin::decode(&message).and_then(|login| {
        // The server of the vectors knows this user by this password, the others by any.
        let known = match login.username() {
            "user" => "pencil",
            _ => text(line, "password"),
        };
        login.authenticate(Some(known))
    });
    verdict(&outcome, line)?;
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => {
            let told = error.told_by_server(SaslMechanism::Plain, false);
            same_text("error", &told, text(&line["java"], "message"))
        }
    }
}

/// An exchange of SCRAM that succeeds, but where the line says otherwise.
pub(crate) fn scram(line: &Value) -> Outcome {
    check_scram(line).into()
}

fn check_scram(line: &Value) -> Result<(), String> {
    let said = |error: SaslError| error.to_string();
    if !line["java"].is_null() {
        return match client(line) {
            Ok(_) => Err("an empty password is taken".to_owned()),
            Err(_) => Ok(()),
        };
    }
    let credential = check_keys(line)?;
    let client = client(line).map_err(said)?;
    let first = client.first_message();
    same_text("client first", &utf8(&first)?, text(line, "client_first"))?;
    let server_first = text(line, "server_first");
    let proof = client.respond(server_first.as_bytes()).map_err(said)?;
    same_text(
        "client final",
        &utf8(&proof.message())?,
        text(line, "client_final"),
    )?;

    let received = ScramClientFirst::decode(&first);
    if !line["java_server"].is_null() {
        return match received {
            Ok(first) => Err(format!(
                "the server takes the user name {}",
                first.username()
            )),
            Err(_) => Ok(()),
        };
    }
    let received = received.map_err(said)?;
    same_text("user name", received.username(), text(line, "user"))?;
    if received.is_token() == line["extensions"]["tokenauth"].is_null() {
        return Err("a token is not told from a user".to_owned());
    }
    let nonce = text(line, "server_nonce");
    let challenge = received.challenge(credential, nonce).map_err(said)?;
    same_text("server first", &utf8(&challenge.message())?, server_first)?;
    check_damaged_proofs(&challenge, &proof.message())?;
    let server_final = challenge.verify(&proof.message()).map_err(said)?;
    same_text(
        "server final",
        &utf8(&server_final)?,
        text(line, "server_final"),
    )?;
    proof.verify(&server_final).map_err(said)
}

/// Any change to the client's final message must be noticed.
fn check_damaged_proofs(
    challenge: &thalweg_protocol::sasl::ScramChallenge,
    proof: &[u8],
) -> Result<(), String> {
    for place in 0..proof.len() {
        let mut damaged = proof.to_vec();
        damaged[place] ^= 1;
        if challenge.clone().verify(&damaged).is_ok() {
            return Err(format!(
                "byte {place} of the client final message may be changed"
            ));
        }
        if challenge.clone().verify(&proof[..place]).is_ok() {
            return Err(format!("{place} bytes of the client final message will do"));
        }
    }
    Ok(())
}

fn check_keys(line: &Value) -> Result<ScramCredential, String> {
    let said = |error: SaslError| error.to_string();
    let mechanism = mechanism(line);
    let salt = from_hex(text(line, "salt"));
    let iterations = line["iterations"].as_u64().unwrap_or_default() as u32;
    let salted = from_hex(text(line, "salted_password"));
    let of_salted = ScramCredential::from_salted_password(mechanism, &salted, &salt, iterations);
    let password = text(line, "password");
    let derived = ScramCredential::derive(mechanism, password, &salt, iterations).map_err(said)?;
    for credential in [&of_salted.map_err(said)?, &derived] {
        let stored_key = from_hex(text(line, "stored_key"));
        same("stored key", credential.stored_key(), &stored_key)?;
        let server_key = from_hex(text(line, "server_key"));
        same("server key", credential.server_key(), &server_key)?;
    }
    Ok(derived)
}

/// An exchange of SCRAM that goes wrong somewhere.
pub(crate) fn scram_bad(line: &Value) -> Outcome {
    check_scram_bad(line).into()
}

fn check_scram_bad(line: &Value) -> Result<(), String> {
    let said = |error: SaslError| error.to_string();
    let case = text(line, "case");
    let client = client(line).map_err(said)?;
    let first = client.first_message();
    same_text("client first", &utf8(&first)?, text(line, "client_first"))?;
    if case == "unknown-user" {
        // Whether there is such a user is what the server looks up with this.
        let received = ScramClientFirst::decode(&first).map_err(said)?;
        return same_text("user name", received.username(), text(line, "user"));
    }
    let proof = client.respond(text(line, "server_first").as_bytes());
    // Where Kafka's client is too trusting, RFC 5802 says what to do.
    let refused = matches!(
        case,
        "mandatory_extension" | "nonce_equals_client" | "iterations_huge"
    );
    if refused {
        return proof.map_or(Ok(()), |_| Err("the client goes on".to_owned()));
    }
    if line["client_final"].is_null() {
        return verdict(&proof.map(drop), line);
    }
    let proof = proof.map_err(said)?;
    same_text(
        "client final",
        &utf8(&proof.message())?,
        text(line, "client_final"),
    )?;
    if case == "wrong-password" {
        let server_first = text(line, "server_first");
        let salt = server_first
            .split(",s=")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        let salt = thalweg_tests::json::from_base64(salt.unwrap_or_default()).unwrap_or_default();
        let credential = ScramCredential::derive(mechanism(line), "pencil", &salt, 4096);
        let received = ScramClientFirst::decode(&first).map_err(said)?;
        let challenge = received
            .challenge(credential.map_err(said)?, text(line, "server_nonce"))
            .map_err(said)?;
        same_text("server first", &utf8(&challenge.message())?, server_first)?;
        return verdict(&challenge.verify(&proof.message()).map(drop), line);
    }
    match line["server_final"].as_str() {
        None => verdict(&Ok(()), line),
        Some(server_final) => verdict(&proof.verify(server_final.as_bytes()), line),
    }
}

/// A message of OAUTHBEARER.
pub(crate) fn oauthbearer(line: &Value) -> Outcome {
    let check = if line["parse"].is_null() {
        check_oauthbearer
    } else {
        check_oauthbearer_parsing
    };
    check(line).into()
}

fn check_oauthbearer(line: &Value) -> Result<(), String> {
    let said = |error: SaslError| error.to_string();
    let extensions = line["extensions"].as_object().ok_or("no extensions")?;
    let login = OAuthBearerLogin::new(text(line, "token"))
        .and_then(|login| login.with_authorization_id(text(line, "authzid")));
    let login = extensions.iter().fold(login, |login, (name, value)| {
        login?.with_extension(name, value.as_str().unwrap_or_default())
    });
    if line["java"]["stage"] == "build" {
        return login.map_or(Ok(()), |login| Err(format!("{login:?} is sent")));
    }
    let message = login.map_err(said)?.encode();
    same(
        "client message",
        &message,
        &from_hex(text(line, "client_initial")),
    )?;
    let Some(reply) = line["server_reply"].as_str().map(from_hex) else {
        return Ok(());
    };
    let received = OAuthBearerLogin::decode(&message).map_err(said)?;
    same_text("token", received.token(), text(line, "token"))?;
    let count = received.extensions().count();
    if count != extensions.len()
        || received
            .extensions()
            .any(|(name, value)| extensions[name] != value)
    {
        return Err(format!("decoding gives {received:?}"));
    }
    let outcome = oauthbearer_verify(&reply);
    verdict(&outcome, line)?;
    let Err(error) = outcome else { return Ok(()) };
    let refusal = OAuthBearerRefusal {
        status: "invalid_token".to_owned(),
        scope: Some("read".to_owned()),
        openid_configuration: Some(
            "https://example.org/.well-known/openid-configuration".to_owned(),
        ),
    };
    same("server's error", &refusal.encode(), &reply)?;
    let told = text(&line["java"], "message");
    if !error.to_string().ends_with(told) {
        return Err(format!("{error} does not tell {told}"));
    }
    let next = from_hex(text(line, "client_next"));
    same("acknowledgement", OAUTHBEARER_ACKNOWLEDGEMENT, &next)
}

fn check_oauthbearer_parsing(line: &Value) -> Result<(), String> {
    let read = OAuthBearerLogin::decode(&from_hex(text(line, "parse")));
    verdict(&read.clone().map(drop), line)?;
    let Ok(login) = read else { return Ok(()) };
    same_text("token", login.token(), text(line, "token"))?;
    same_text(
        "authorization id",
        login.authorization_id(),
        text(line, "authzid"),
    )
}

fn mechanism(line: &Value) -> ScramMechanism {
    match SaslMechanism::from_name(text(line, "mechanism")) {
        Some(SaslMechanism::Scram(mechanism)) => mechanism,
        other => panic!("{other:?} is no SCRAM"),
    }
}

fn client(line: &Value) -> Result<ScramClient, SaslError> {
    let (user, password) = (text(line, "user"), text(line, "password"));
    let client = ScramClient::new(mechanism(line), user, password, text(line, "client_nonce"))?;
    if line["extensions"]["tokenauth"].is_null() {
        return Ok(client);
    }
    Ok(client.with_delegation_token())
}

/// Compares an outcome with what the line says of it.
fn verdict(outcome: &Result<(), SaslError>, line: &Value) -> Result<(), String> {
    match (outcome, line["accepted"].as_bool()) {
        (Ok(()), Some(true)) | (Err(_), Some(false)) => Ok(()),
        (Ok(()), _) => Err("it is accepted".to_owned()),
        (Err(error), _) => Err(format!("it is refused: {error}")),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())
}

fn same(what: &str, found: &[u8], stated: &[u8]) -> Result<(), String> {
    same_text(what, &to_hex(found), &to_hex(stated))
}

fn same_text(what: &str, found: &str, stated: &str) -> Result<(), String> {
    if found == stated {
        return Ok(());
    }
    Err(format!("{what}: {found} instead of {stated}"))
}
