//! Earthdata Login: tokens, the way of OAuth, and the pages that people see.

use chrono::Utc;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::accounts::{SESSION, Token, cookies};
use super::page;
use super::roots::Role;
use super::world::{Ready, World};
use crate::server::{Answer, Call, encode, parse_query};

/// Answers as Earthdata Login does.
pub(super) fn answer(world: &World, ready: &Ready, call: &Call) -> Answer {
    let parts: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    let answer = match (&call.method, &parts[..]) {
        (&Method::POST, ["api", "users", "find_or_create_token"]) => with_password(world, call, |world| {
            let issuer = ready.roots.of(Role::Login);
            json_answer(200, &token_json(&world.accounts().find_or_create(&world.plan(), issuer)))
        }),
        (&Method::POST, ["api", "users", "token"]) => with_password(world, call, |world| {
            let issuer = ready.roots.of(Role::Login);
            match world.accounts().create(&world.plan(), issuer) {
                Some(token) => json_answer(200, &token_json(&token)),
                None => error(403, "max_token_limit", "Max token limit reached"),
            }
        }),
        (&Method::GET, ["api", "users", "tokens"]) => with_password(world, call, |world| {
            let tokens = world.accounts().live_tokens();
            let list: Vec<Value> = tokens.iter().map(|token| json!({ "access_token": token.value, "expiration_date": date(token) })).collect();
            json_answer(200, &json!(list))
        }),
        (&Method::POST, ["api", "users", "revoke_token"]) => with_password(world, call, |world| {
            let token = call.parameter("token").map(str::to_owned).or_else(|| form(call, "token"));
            match token.is_some_and(|token| world.accounts().revoke(Some(&token))) {
                true => json_answer(200, &json!({})),
                false => error(404, "invalid_token", "The token is unknown"),
            }
        }),
        (&Method::POST, ["oauth", "tokens", "user"]) => validate(world, call),
        (&Method::GET, ["oauth", "authorize"]) => authorize(world, ready, call),
        (&Method::GET, ["profile"]) => profile(world, ready, call),
        (&Method::GET, ["api", "users", name]) => user(world, call, name),
        (&Method::GET, [] | ["home"]) => page(200, "Earthdata Login", "Enter your user name and password"),
        (&Method::GET, ["users", _, "unaccepted_eulas"]) => page(200, "Earthdata Login", "Licence agreements (EULAs) that are not accepted yet"),
        (&Method::GET, ["application_search"]) => page(200, "Earthdata Login", "Applications that can be authorized"),
        (&Method::GET, ["accept_eula"]) => page(200, "Earthdata Login", "Accept the licence agreement (EULA) to go on"),
        (&Method::GET, ["approve_app"]) => page(200, "Earthdata Login", "Approve the application to go on"),
        _ => page(404, "Earthdata Login", "The page does not exist"),
    };
    answer.with(CACHE_CONTROL, "no-store")
}

fn with_password(world: &World, call: &Call, then: impl FnOnce(&World) -> Answer) -> Answer {
    let known = world.accounts().knows_basic(call.header("authorization"));
    if known { then(world) } else { error(401, "invalid_credentials", "Invalid user credentials") }
}

/// Who a token belongs to, for an application that holds one.
fn validate(world: &World, call: &Call) -> Answer {
    let token = form(call, "token").or_else(|| call.parameter("token").map(str::to_owned)).unwrap_or_default();
    let mut accounts = world.accounts();
    match accounts.bearer(Some(&format!("Bearer {token}"))) {
        Some(Ok(())) => json_answer(200, &json!({ "uid": accounts.user })),
        _ => error(403, "invalid_token", "The token is either invalid or expired"),
    }
}

/// RFC 6749 section 4.1: a code for the data host that asks, if this is a user who may.
fn authorize(world: &World, ready: &Ready, call: &Call) -> Answer {
    let plan = world.plan();
    let application = call.parameter("client_id").and_then(host_of_client);
    let Some(host) = application else { return error(400, "invalid_client", "The application is unknown") };
    let target = call.parameter("redirect_uri").unwrap_or_default();
    if target != format!("{}/login", ready.roots.of(host)) {
        return error(400, "invalid_request", "The redirect URI is not that of the application");
    }
    let mut accounts = world.accounts();
    let session = accounts.has_session(&cookies(call.header("cookie")));
    let authorization = call.header("authorization");
    let may = session || accounts.knows_basic(authorization) || matches!(accounts.bearer(authorization), Some(Ok(())));
    if !may {
        let mut answer = page(401, "Earthdata Login", "HTTP Basic: Access denied.");
        answer.header(
            WWW_AUTHENTICATE,
            "Basic realm=\"Please enter your Earthdata Login credentials. If you do not have a user account, please register.\"",
        );
        return answer;
    }
    if plan.unapproved.iter().any(|name| name == host.name()) {
        let location = format!("{}/approve_app?client_id={}", ready.roots.of(Role::Login), client_of(host));
        return Answer::empty(StatusCode::FOUND).with(LOCATION, &location);
    }
    let code = accounts.new_code(host);
    let state = call.parameter("state").map(|state| format!("&state={}", encode(state))).unwrap_or_default();
    let mut answer = Answer::empty(StatusCode::FOUND).with(LOCATION, &format!("{target}?code={code}{state}"));
    if !session {
        set_session(&mut answer, &accounts.new_session());
    }
    answer
}

fn set_session(answer: &mut Answer, session: &str) {
    answer.header(SET_COOKIE, &format!("{SESSION}={session}; path=/; HttpOnly"));
    answer.header(SET_COOKIE, "urs_user_already_logged=yes; path=/");
}

fn profile(world: &World, ready: &Ready, call: &Call) -> Answer {
    let mut accounts = world.accounts();
    let authorization = call.header("authorization");
    let session = accounts.has_session(&cookies(call.header("cookie")));
    if session || accounts.knows_basic(authorization) || matches!(accounts.bearer(authorization), Some(Ok(()))) {
        let mut answer = page(200, "Earthdata Login", &format!("Profile of {}", accounts.user));
        if !session {
            set_session(&mut answer, &accounts.new_session());
        }
        return answer;
    }
    // Recorded: strangers are sent home and get a session that is worth nothing.
    Answer::empty(StatusCode::FOUND)
        .with(LOCATION, &format!("{}/home", ready.roots.of(Role::Login)))
        .with(SET_COOKIE, &format!("{SESSION}=0; path=/; HttpOnly"))
}

fn user(world: &World, call: &Call, name: &str) -> Answer {
    let mut accounts = world.accounts();
    let authorization = call.header("authorization");
    if !accounts.knows_basic(authorization) && !matches!(accounts.bearer(authorization), Some(Ok(()))) {
        return error(401, "invalid_token", "The token is either invalid or expired");
    }
    if name != accounts.user && name != "user" {
        return error(404, "invalid_user", "The user is unknown");
    }
    json_answer(200, &json!({ "uid": accounts.user, "email_address": "reader@example.com", "country": "Earth", "study_area": "Other" }))
}

/// The application of a data host.
pub(super) fn client_of(host: Role) -> String {
    format!("emulated-{}", host.name())
}

fn host_of_client(client: &str) -> Option<Role> {
    client.strip_prefix("emulated-").and_then(Role::named)
}

fn form(call: &Call, name: &str) -> Option<String> {
    let pairs = parse_query(&String::from_utf8_lossy(&call.body));
    pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn token_json(token: &Token) -> Value {
    json!({ "access_token": token.value, "token_type": "Bearer", "expiration_date": date(token) })
}

fn date(token: &Token) -> String {
    token.expires.format("%m/%d/%Y").to_string()
}

fn error(status: u16, kind: &str, description: &str) -> Answer {
    json_answer(status, &json!({ "error": kind, "error_description": description }))
}

fn json_answer(status: u16, value: &Value) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = Answer::new(status, value.to_string().into());
    answer.header(CONTENT_TYPE, "application/json; charset=utf-8");
    answer.with(http::header::DATE, &Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string())
}
