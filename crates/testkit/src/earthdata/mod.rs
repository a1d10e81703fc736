//! NASA's Earthdata services, emulated: the CMR, CMR-STAC, Earthdata Login, data hosts with S3-credentials endpoints, and presigned URLs.
//!
//! ```text
//!  client ──▶ cmr        granules and collections of Holdings, page by page
//!         ──▶ login      tokens, OAuth, pages ────────┐
//!         ──▶ lpdaac     files, /s3credentials ───────┤ World: Accounts, Plan, logs
//!             podaac, nsidc        │ 303              │
//!         ──▶ presigned ◀──────────┘ refuses Authorization
//!         ──▶ hostile    must see no secret ──────────┘
//! ```
//!
//! * [`Earthdata`] — lives until it is dropped; [`Options`] — what it holds; [`Role`] and [`Roots`] — its hosts.
//! * [`Plan`] — what goes wrong: expiring tokens, pages that are short or late, licences that are not accepted, and every fault of
//!   [`server`](crate::server) on any host.
//!
//! Every host answers, for tests in other languages: `GET /_counts`, `GET /_secrets`, `POST /_plan`, `POST /_reset`, `POST /_revoke` (all tokens),
//! and `GET /_log` with its own requests.
//!
//! Sources: the documents and sources of `nasa/Common-Metadata-Repository` (parameters, messages, headers), `nasa/cmr-stac`,
//! `asfadmin/thin-egress-app` (statuses and forms of data hosts), and exchanges recorded by other projects. What is not emulated: access control
//! lists, facets, shapefile uploads, and geodetic edges (a polygon's edges are straight in longitude and latitude here).

mod accounts;
mod cmr;
mod counts;
mod data;
mod login;
mod plan;
mod records;
mod roots;
mod world;

pub use plan::{End, PageFault, Plan};
pub use records::hls_archive;
pub use roots::{Role, Roots};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::Result;
use crate::server::{Answer, Files, Log, Server};
use accounts::Accounts;
use records::Holdings;
use world::{Host, Ready, World};

/// What the emulated services hold, and for whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// Generated granules of each generated collection.
    pub granules: usize,
    /// Folder with the files of data hosts, below their bucket: `lp-prod-protected/…`.
    pub files: Option<PathBuf>,
    /// Folder (or file) with records: UMM-G and UMM-C as JSON, each alone or as the answer of a search. `{lpdaac}` and the like stand for roots.
    pub records: Option<PathBuf>,
    /// Folder that [`hls_archive`] wrote, to be found as granules of `HLSS30`.
    pub archive: Option<PathBuf>,
    /// Name of the user.
    pub user: String,
    /// Password of the user.
    pub password: String,
    /// True: records and redirects name the hosts of the real services.
    pub true_names: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            granules: 200,
            files: None,
            records: None,
            archive: None,
            user: "reader".into(),
            password: "Passphrase-of-the-reader-7f3a".into(),
            true_names: false,
        }
    }
}

/// The running services.
#[derive(Debug)]
pub struct Earthdata {
    world: Arc<World>,
    servers: BTreeMap<Role, Server>,
}

impl Earthdata {
    /// Starts all hosts; they answer as soon as this returns.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if an address of 127.0.0.1 … 127.0.0.7 cannot be had or a file cannot be read, [`Error::Json`](crate::Error::Json) for
    /// records that are no JSON.
    pub fn start(options: &Options) -> Result<Self> {
        let world = Arc::new(World::new(Accounts::new(&options.user, &options.password)));
        let mut servers = BTreeMap::new();
        for role in Role::ALL {
            let host = Host { role, world: Arc::clone(&world) };
            let server = Server::builder().service("", host).host(role.address());
            let server = server.log(Arc::clone(&world.logs[&role])).faults(Arc::clone(&world.faults[&role])).start()?;
            servers.insert(role, server);
        }
        let own = Roots::new(servers.iter().map(|(role, server)| (*role, server.url())).collect());
        let roots = if options.true_names { Roots::true_names() } else { own };
        let holdings = Holdings::new(options, &roots)?;
        world.open(Ready {
            holdings,
            roots,
            files: [&options.files, &options.archive].map(|folder| Files::new(folder.clone())),
            cmr: cmr::Cmr::default(),
        });
        Ok(Self { world, servers })
    }

    /// `http://127.0.0.N:PORT` of a host, without a final slash.
    #[must_use]
    pub fn url(&self, role: Role) -> String {
        self.servers.get(&role).map(Server::url).unwrap_or_default()
    }

    /// The search root that clients of the CMR are told: `…/search`.
    #[must_use]
    pub fn search_url(&self) -> String {
        format!("{}/search", self.url(Role::Cmr))
    }

    /// Root URLs by role, and the user's name and password: what the port file holds.
    #[must_use]
    pub fn address_book(&self) -> Value {
        let mut book: serde_json::Map<String, Value> = Role::ALL.into_iter().map(|role| (role.name().to_owned(), json!(self.url(role)))).collect();
        let accounts = self.world.accounts();
        book.insert("user".into(), json!(accounts.user));
        book.insert("password".into(), json!(accounts.password));
        Value::Object(book)
    }

    /// What a host was asked.
    #[must_use]
    pub fn log(&self, role: Role) -> &Log {
        &self.world.logs[&role]
    }

    /// What was asked, added up: `token_requests`, `logins`, `key_requests` by host, `searches`, and under `secrets` which were seen at which host.
    #[must_use]
    pub fn counts(&self) -> Value {
        counts::counts(&self.world)
    }

    /// Replaces the plan. Tokens that were given out keep their limits.
    pub fn set_plan(&self, plan: Plan) {
        self.world.set_plan(plan);
    }

    /// Replaces the plan by a JSON text.
    ///
    /// # Errors
    /// [`Error::Json`](crate::Error::Json) if it is none.
    pub fn set_plan_text(&self, text: &str) -> Result<()> {
        self.world.set_plan(self.world.read_plan(text)?);
        Ok(())
    }

    /// Ends all tokens that were given out.
    pub fn revoke_tokens(&self) {
        self.world.accounts().revoke(None);
    }

    /// Name and text of everything that must not be seen elsewhere.
    #[must_use]
    pub fn secrets(&self) -> BTreeMap<String, String> {
        self.world.accounts().secrets()
    }

    /// As at the start: no plan, empty logs, nothing given out.
    pub fn reset(&self) {
        self.world.reset();
    }
}

/// A page for people.
fn page(status: u16, title: &str, text: &str) -> Answer {
    let body = format!("<!DOCTYPE html>\n<html lang=\"en\"><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>\n");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer::new(status, body.into()).with(CONTENT_TYPE, "text/html; charset=utf-8")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    /// Status, the value of `location` if there is one, and the body.
    fn ask(url: &str, method: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
        let rest = url.strip_prefix("http://").expect("a URL");
        let (host, path) = rest.split_at(rest.find('/').expect("a path"));
        let mut stream = TcpStream::connect(host).expect("a connection");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n{lines}\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
        (head[9..12].parse().expect("a status"), location.to_owned(), body.to_owned())
    }

    fn bearer(earthdata: &Earthdata) -> String {
        use base64::Engine;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!(
            "{}:{}",
            earthdata.address_book()["user"].as_str().unwrap_or_default(),
            earthdata.secrets()["password"]
        ));
        let url = format!("{}/api/users/find_or_create_token", earthdata.url(Role::Login));
        let (status, _, body) = ask(&url, "POST", &[("authorization", &format!("Basic {basic}"))]);
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        format!("Bearer {}", answer["access_token"].as_str().expect("a token"))
    }

    #[test]
    fn from_a_login_to_bytes() {
        let earthdata = Earthdata::start(&Options::default()).expect("the services");
        let (_, _, page) = ask(&format!("{}/granules.umm_json?short_name=ATL08&page_size=1", earthdata.search_url()), "GET", &[]);
        let page: Value = serde_json::from_str(&page).expect("JSON");
        assert_eq!(page["hits"], 200);
        let link = page["items"][0]["umm"]["RelatedUrls"][0]["URL"].as_str().expect("a link").to_owned();
        assert!(link.starts_with(&earthdata.url(Role::Nsidc)), "{link}");

        let (status, location, _) = ask(&link, "GET", &[]);
        assert!(status == 302 && location.starts_with(&format!("{}/oauth/authorize?", earthdata.url(Role::Login))), "{status} {location}");
        let token = bearer(&earthdata);
        let (status, presigned, _) = ask(&link, "GET", &[("authorization", &token)]);
        assert!(status == 303 && presigned.starts_with(&earthdata.url(Role::Presigned)), "{status} {presigned}");
        assert_eq!(ask(&presigned, "GET", &[("authorization", &token)]).0, 400);
        let (status, _, body) = ask(&presigned, "GET", &[]);
        assert!(status == 200 && link.contains(body.lines().next().expect("a line")), "{status} {body}");
        earthdata.revoke_tokens();
        assert_eq!(ask(&link, "GET", &[("authorization", &token)]).0, 401);
    }

    #[test]
    fn a_leak_is_seen() {
        let earthdata = Earthdata::start(&Options::default()).expect("the services");
        let token = bearer(&earthdata);
        assert_eq!(earthdata.counts()["secrets"]["hostile"], json!([]));
        ask(&format!("{}/any?thing=1", earthdata.url(Role::Hostile)), "GET", &[("x-any", &token)]);
        let counts = earthdata.counts();
        assert_eq!(counts["secrets"]["hostile"], json!(["token 1"]));
        assert_eq!((&counts["secrets"]["login"], &counts["token_requests"]["requests"]), (&json!(["basic"]), &json!(1)));
        earthdata.reset();
        assert_eq!(earthdata.counts()["hostile_requests"], 0);
    }

    #[test]
    fn plans_name_hosts() {
        let earthdata = Earthdata::start(&Options::default()).expect("the services");
        let plan = r#"{"rules": {"podaac": [{"path": "*", "fault": {"kind": "redirect", "location": "{hostile}/x"}}]}, "token_uses": 2}"#;
        earthdata.set_plan_text(plan).expect("a plan");
        let (status, location, _) = ask(&format!("{}/s3credentials", earthdata.url(Role::Podaac)), "GET", &[]);
        assert_eq!((status, location), (302, format!("{}/x", earthdata.url(Role::Hostile))));
        assert!(earthdata.set_plan_text(r#"{"fire": true}"#).is_err());
    }
}
