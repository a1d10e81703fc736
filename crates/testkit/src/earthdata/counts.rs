//! What was asked, added up from the logs of all hosts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::roots::Role;
use super::world::World;
use crate::server::Record;

/// The answer of `GET /_counts`.
pub(super) fn counts(world: &World) -> Value {
    let records: BTreeMap<Role, Vec<Record>> = world.logs.iter().map(|(role, log)| (*role, log.records())).collect();
    let of = |role: Role| records.get(&role).map(Vec::as_slice).unwrap_or_default();
    let data_hosts = [Role::Lpdaac, Role::Podaac, Role::Nsidc];
    let by_host = |wanted: &dyn Fn(&Record) -> bool| -> Value {
        let hosts = data_hosts.iter().map(|host| (host.name().to_owned(), statuses(of(*host).iter().filter(|record| wanted(record)))));
        Value::Object(hosts.collect())
    };
    let is_search = |record: &&Record| record.path.starts_with("/search/");
    let is_token = |record: &&Record| matches!(record.path.as_str(), "/api/users/find_or_create_token" | "/api/users/token");
    let logins = of(Role::Login).iter().filter(|record| record.path == "/oauth/authorize" && record.status == 302).count();
    json!({
        "token_requests": statuses(of(Role::Login).iter().filter(is_token)),
        "logins": logins,
        "login_requests": of(Role::Login).len(),
        "key_requests": by_host(&|record| record.path == "/s3credentials"),
        "file_requests": by_host(&|record| !matches!(record.path.as_str(), "" | "/" | "/s3credentials" | "/login" | "/s3credentialsREADME")),
        "presigned_requests": statuses(of(Role::Presigned).iter()),
        "searches": statuses(of(Role::Cmr).iter().filter(is_search)),
        "hostile_requests": of(Role::Hostile).len(),
        "most_at_once": world.logs.iter().map(|(role, log)| (role.name().to_owned(), json!(log.most_at_once()))).collect::<serde_json::Map<_, _>>(),
        "secrets": seen(world, &records),
    })
}

/// Requests, and how many had each status.
fn statuses<'a>(records: impl Iterator<Item = &'a Record>) -> Value {
    let mut total = 0;
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    for record in records {
        total += 1;
        *by_status.entry(record.status.to_string()).or_default() += 1;
    }
    json!({ "requests": total, "statuses": by_status })
}

/// The names of the secrets that each host was shown, wherever in a request.
fn seen(world: &World, records: &BTreeMap<Role, Vec<Record>>) -> Value {
    let secrets = world.accounts().secrets();
    let mut seen = serde_json::Map::new();
    for (role, records) in records {
        let mut names = BTreeSet::new();
        for record in records {
            let text = [&record.path, &record.query, &record.body].into_iter();
            let text: Vec<&String> = text.chain(record.headers.iter().map(|(_, value)| value)).collect();
            names.extend(secrets.iter().filter(|(_, secret)| text.iter().any(|text| text.contains(secret.as_str()))).map(|(name, _)| name.clone()));
        }
        seen.insert(role.name().to_owned(), json!(names));
    }
    Value::Object(seen)
}
