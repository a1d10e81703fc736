//! A data host, as the Thin Egress App is one: files behind a login, and temporary S3 keys.

use chrono::Utc;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::accounts::{COOKIE, Refusal, cookies, hex};
use super::login::client_of;
use super::page;
use super::roots::Role;
use super::world::{Ready, World};
use crate::server::{Answer, Call, encode};

/// Answers as a data host does.
pub(super) fn answer(world: &World, ready: &Ready, host: Role, call: &Call) -> Answer {
    if call.method != Method::GET && call.method != Method::HEAD {
        return Answer::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    match call.path.as_str() {
        "" => page(200, "Thin Egress App", "Welcome"),
        "/login" => login(world, ready, host, call),
        "/s3credentialsREADME" => page(200, "S3 credentials", "GET /s3credentials with a token of Earthdata Login"),
        "/s3credentials" => keys(world, ready, host, call),
        path => file(world, ready, host, path, call),
    }
}

/// Where the login sends the user back to, with a code and the path that was wanted.
fn login(world: &World, ready: &Ready, host: Role, call: &Call) -> Answer {
    let Some(cookie) = world.accounts().cookie_for(call.parameter("code").unwrap_or_default(), host) else {
        return page(400, "Login Client Error", "The code was refused");
    };
    if let Some(refused) = eula(world, ready, host) {
        return refused;
    }
    let state = call.parameter("state").unwrap_or("/");
    // Anything but a path of this host would make it an open redirect.
    let path = if state.starts_with('/') && !state.starts_with("//") { state } else { "/" };
    Answer::empty(StatusCode::MOVED_PERMANENTLY)
        .with(LOCATION, &format!("{}{path}", ready.roots.of(host)))
        .with(SET_COOKIE, &format!("{COOKIE}={cookie}; path=/; HttpOnly"))
        .with(CACHE_CONTROL, "no-store")
}

/// Nothing if the request may pass, else the answer that it gets.
fn refused(world: &World, ready: &Ready, host: Role, call: &Call, redirect: StatusCode) -> Option<Answer> {
    let plan = world.plan();
    let is = |list: &[String]| list.iter().any(|name| name == host.name());
    let mut accounts = world.accounts();
    if accounts.has_cookie(host, &cookies(call.header("cookie"))) {
        return None;
    }
    let bearer = if is(&plan.no_bearer) { None } else { accounts.bearer(call.header("authorization")) };
    drop(accounts);
    match bearer {
        Some(Ok(())) if is(&plan.unapproved) => Some(resolve(
            403,
            "User has not authorized the application",
            &format!("{}/approve_app?client_id={}", ready.roots.of(Role::Login), client_of(host)),
        )),
        Some(Ok(())) => eula(world, ready, host),
        // Keys: a redirect to the login (307). Files: what the login said of the token.
        Some(Err(refusal)) if redirect == StatusCode::FOUND => {
            let why = if refusal == Refusal::Expired { "The token is expired" } else { "The token is invalid" };
            Some(json_answer(401, &json!({ "error": "invalid_token", "error_description": why })))
        }
        _ => Some(to_login(ready, host, call, redirect)),
    }
}

fn to_login(ready: &Ready, host: Role, call: &Call, status: StatusCode) -> Answer {
    let target = format!("{}/login", ready.roots.of(host));
    let location = format!(
        "{}/oauth/authorize?client_id={}&response_type=code&redirect_uri={}&state={}",
        ready.roots.of(Role::Login),
        client_of(host),
        encode(&target),
        encode(&call.path)
    );
    Answer::empty(status).with(LOCATION, &location)
}

fn eula(world: &World, ready: &Ready, host: Role) -> Option<Answer> {
    let wanted = world.plan().eula.iter().any(|name| name == host.name());
    wanted.then(|| resolve(403, "EULA Acceptance Failure", &format!("{}/accept_eula?eula_id={}", ready.roots.of(Role::Login), client_of(host))))
}

fn resolve(status: u16, description: &str, url: &str) -> Answer {
    json_answer(status, &json!({ "status_code": status, "error_description": description, "resolution_url": url }))
}

fn keys(world: &World, ready: &Ready, host: Role, call: &Call) -> Answer {
    if let Some(refused) = refused(world, ready, host, call, StatusCode::TEMPORARY_REDIRECT) {
        return refused;
    }
    let seconds = world.plan().keys_seconds;
    json_answer(200, &world.accounts().new_keys(seconds))
}

fn file(world: &World, ready: &Ready, host: Role, path: &str, call: &Call) -> Answer {
    let bucket = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if !bucket.contains("public")
        && let Some(refused) = refused(world, ready, host, call, StatusCode::FOUND)
    {
        return refused;
    }
    let plan = world.plan();
    if plan.direct.iter().any(|name| name == host.name()) {
        return ready.content(&call.method, path, &call.headers);
    }
    if !ready.has(path) {
        return page(404, "File not found", "File not found");
    }
    let expires = Utc::now().timestamp() + plan.presigned_seconds.min(1 << 32).cast_signed();
    let signature = sign(&call.method, path, expires);
    let user = world.accounts().user.clone();
    let location = format!(
        "{}{}?A-userid={user}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires={}&X-Amz-SignedHeaders=host&expires={expires}&X-Amz-Signature={signature}",
        ready.roots.of(Role::Presigned),
        encoded_path(path),
        plan.presigned_seconds
    );
    let status = StatusCode::SEE_OTHER;
    let age = plan.presigned_seconds.saturating_sub(60);
    Answer::empty(status).with(LOCATION, &location).with(CACHE_CONTROL, &format!("private, max-age={age}"))
}

fn encoded_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

fn sign(method: &Method, path: &str, expires: i64) -> String {
    hex(&format!("presigned {method} {path} {expires}"))
}

/// Answers as S3 does to presigned URLs: they are good for one method, for a while, and without any other form of authorization.
pub(super) fn presigned(ready: &Ready, call: &Call) -> Answer {
    if call.headers.contains_key("authorization") {
        return s3_error(
            400,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        );
    }
    let expires: i64 = call.parameter("expires").and_then(|text| text.parse().ok()).unwrap_or_default();
    let signed = call.parameter("X-Amz-Signature").is_some_and(|signature| signature == sign(&call.method, &call.path, expires));
    if !signed {
        return s3_error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.");
    }
    if Utc::now().timestamp() >= expires {
        return s3_error(403, "AccessDenied", "Request has expired");
    }
    ready.content(&call.method, &call.path, &call.headers)
}

fn s3_error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    Answer::new(status, body.into()).with(CONTENT_TYPE, "application/xml")
}

/// Answers as a host that wants to be trusted: everything exists, and cookies are welcome.
pub(super) fn hostile() -> Answer {
    Answer::new(StatusCode::OK, "content of a stranger".into()).with(CONTENT_TYPE, "application/octet-stream").with(SET_COOKIE, "stranger=1; path=/")
}

fn json_answer(status: u16, value: &Value) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::json(status, "application/json", value)
}
