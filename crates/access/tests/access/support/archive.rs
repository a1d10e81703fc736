//! A small NASA: a login host, a data host, a store of presigned files, and a host that is none of them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use cube_access::{Access, AccessOptions, EarthdataOptions, HttpOptions, S3Options, Secret};

use super::{Fake, Reply, Seen, content, file};

pub(crate) const USER: &str = "gaia";
pub(crate) const PASSWORD: &str = "PASSWORD-SECRET";
/// Beginnings and wholes of everything that nobody may see.
pub(crate) const SECRETS: &[&str] =
    &["PASSWORD-SECRET", "Z2FpYTpQQVNTV09SRC1TRUNSRVQ", "TOKEN-SECRET", "KEY-SECRET", "COOKIE-SECRET", "SIGNATURE-SECRET", "CODE-SECRET"];

pub(crate) struct Archive {
    pub(crate) login: Fake,
    pub(crate) data: Fake,
    pub(crate) presigned: Fake,
    pub(crate) hostile: Fake,
    pub(crate) rules: Arc<Rules>,
}

/// What the services know, and how they behave.
#[derive(Default)]
pub(crate) struct Rules {
    valid: Mutex<BTreeSet<String>>,
    issued: AtomicUsize,
    /// Seconds that keys live.
    pub(crate) life: AtomicU64,
    /// Whether there are too many tokens, so that only those of a list are left.
    pub(crate) is_full: Mutex<bool>,
    /// Whether a new token is refused as well.
    pub(crate) refuses_all: Mutex<bool>,
    /// Whether the login host gives another token each time, and none of them is good.
    pub(crate) is_forgetful: Mutex<bool>,
    /// What is left of answers that say 429.
    pub(crate) busy: AtomicUsize,
    /// What the application of the data host is: approved or not.
    pub(crate) is_unapproved: Mutex<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rules {
    pub(crate) fn issue(&self) -> String {
        let token = format!("TOKEN-SECRET-{}", self.issued.fetch_add(1, SeqCst));
        if !*lock(&self.is_forgetful) {
            lock(&self.valid).insert(token.clone());
        }
        token
    }

    /// All tokens that were given out end.
    pub(crate) fn revoke(&self) {
        lock(&self.valid).clear();
    }

    pub(crate) fn set(flag: &Mutex<bool>, value: bool) {
        *lock(flag) = value;
    }

    fn is_valid(&self, seen: &Seen) -> bool {
        let token = seen.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        !*lock(&self.refuses_all) && lock(&self.valid).contains(token)
    }
}

fn is_basic(seen: &Seen) -> bool {
    // gaia:PASSWORD-SECRET
    seen.header("authorization") == "Basic Z2FpYTpQQVNTV09SRC1TRUNSRVQ="
}

fn login(seen: &Seen, rules: &Rules) -> Reply {
    let busy = rules.busy.load(SeqCst);
    if busy > 0 {
        rules.busy.store(busy - 1, SeqCst);
        return Reply::status(429).with("retry-after", "0");
    }
    let token = |token: &str| serde_json::json!({ "access_token": token, "token_type": "Bearer", "expiration_date": "10/20/2099" });
    match (seen.method.as_str(), seen.path()) {
        (_, path) if path.starts_with("/api/users") && !is_basic(seen) => {
            Reply::json(401, &serde_json::json!({ "error": "invalid_credentials", "error_description": "Invalid user credentials PASSWORD-SECRET" }))
        }
        ("POST", "/api/users/find_or_create_token") if *lock(&rules.is_full) => {
            Reply::json(403, &serde_json::json!({ "error": "max_token_limit", "error_description": "Max token limit exceeded" }))
        }
        ("POST", "/api/users/find_or_create_token") => {
            let known = lock(&rules.valid).last().cloned();
            Reply::json(200, &token(&known.unwrap_or_else(|| rules.issue())))
        }
        ("GET", "/api/users/tokens") => Reply::json(200, &serde_json::json!([token(&rules.issue()), token("TOKEN-SECRET-other")])),
        ("GET", "/oauth/authorize") if *lock(&rules.is_unapproved) => {
            Reply::redirect(302, &format!("http://{}/approve_app?client_id=app1&state=CODE-SECRET", seen.header("host")))
        }
        ("GET", "/oauth/authorize") if is_basic(seen) || rules.is_valid(seen) => {
            let back = format!("{}?code=CODE-SECRET&state={}", seen.query("redirect_uri"), seen.query("state"));
            Reply::redirect(302, &back).with("set-cookie", "urs_session=COOKIE-SECRET-login; Path=/; HttpOnly")
        }
        ("GET", "/oauth/authorize") => Reply::bytes(401, "text/html", "<html>log in</html>"),
        _ => Reply::status(404),
    }
}

fn data(seen: &Seen, rules: &Rules, hosts: &[String; 3]) -> Reply {
    let [login, presigned, hostile] = hosts;
    let here = seen.header("host");
    let to_login = |status| {
        let back = format!("http://{here}/back");
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", "app1"), ("response_type", "code"), ("redirect_uri", &back), ("state", seen.path())])
            .finish();
        Reply::redirect(status, &format!("http://{login}/oauth/authorize?{query}"))
    };
    let is_valid = rules.is_valid(seen);
    match seen.path() {
        "/public/x.nc" => file(seen, &content()),
        "/s3credentials" if is_valid => {
            let life = rules.life.load(SeqCst);
            let ends = chrono::Utc::now() + chrono::TimeDelta::seconds(life as i64);
            let n = rules.issued.fetch_add(1, SeqCst);
            Reply::json(
                200,
                &serde_json::json!({
                    "accessKeyId": format!("KEY-SECRET-id-{n}"), "secretAccessKey": format!("KEY-SECRET-{n}"), "sessionToken": format!("KEY-SECRET-session-{n}"),
                    "expiration": ends.format("%Y-%m-%d %H:%M:%S+00:00").to_string(),
                }),
            )
        }
        "/s3credentials" => to_login(307),
        "/s3credentials-page" => Reply::bytes(200, "text/html", "<!DOCTYPE html><html>log in</html>"),
        "/s3credentials-eula" | "/eula/x.nc" if is_valid => Reply::json(
            403,
            &serde_json::json!({ "status_code": 403, "error_description": "EULA Acceptance Failure",
                "resolution_url": format!("http://{login}/accept_eula?eula_id=7&client_id=app1&code=CODE-SECRET") }),
        ),
        "/forbidden/x.nc" if is_valid => Reply::status(403),
        "/bearer/x.nc" if is_valid => file(seen, &content()),
        "/bearer/x.nc" | "/eula/x.nc" | "/forbidden/x.nc" => Reply::status(401),
        "/presigned/x.nc" if is_valid => Reply::redirect(303, &format!("http://{presigned}/x.nc?X-Amz-Signature=SIGNATURE-SECRET")),
        "/hostile/x.nc" if is_valid => Reply::redirect(302, &format!("http://{hostile}/steal")),
        "/presigned/x.nc" | "/hostile/x.nc" => to_login(302),
        "/legacy/x.nc" if seen.header("cookie").contains("session=COOKIE-SECRET-data") => file(seen, &content()),
        "/legacy/x.nc" => to_login(302),
        "/back" if seen.query("code") == "CODE-SECRET" => {
            Reply::redirect(302, &seen.query("state")).with("set-cookie", "session=COOKIE-SECRET-data; Path=/")
        }
        "/page/x.nc" => Reply::bytes(200, "text/html; charset=utf-8", "<html>please log in</html>"),
        "/page/untyped.nc" => Reply::bytes(200, "application/octet-stream", "\n<!DOCTYPE HTML><html>maintenance</html>"),
        "/page/eula.nc" => Reply::bytes(200, "text/html", format!("<html><a href=\"http://{login}/users/gaia/unaccepted_eulas\">EULA</a></html>")),
        "/page/x.html" => Reply::bytes(200, "text/html", "<html>a page that is wanted</html>"),
        _ => Reply::status(404),
    }
}

impl Archive {
    pub(crate) fn start() -> cube_testkit::Result<Self> {
        let rules = Arc::new(Rules { life: 3600.into(), ..Rules::default() });
        let of_login = Arc::clone(&rules);
        let login_host = Fake::start(move |seen| login(seen, &of_login))?;
        let presigned = Fake::start(|seen| {
            // As S3 does: two ways to say who one is are one too many.
            if seen.headers.contains_key("authorization") { Reply::status(400) } else { file(seen, &content()) }
        })?;
        let login_name = login_host.host().to_owned();
        let back_to_login = format!("http://{login_name}/oauth/authorize?client_id=evil&redirect_uri=http://127.0.0.1:1/&state=x");
        let hostile = Fake::start(move |seen| match seen.path() {
            "/steal" => Reply::redirect(302, &back_to_login).with("set-cookie", "session=planted; Domain=127.0.0.1"),
            "/planted" => Reply::status(401).with("www-authenticate", "Basic"),
            _ => Reply::status(404),
        })?;
        let hosts = [login_name, presigned.host().to_owned(), hostile.host().to_owned()];
        let of_data = Arc::clone(&rules);
        let data = Fake::start(move |seen| data(seen, &of_data, &hosts))?;
        Ok(Self { login: login_host, data, presigned, hostile, rules })
    }

    /// Options that lead here, without anything to log in with.
    pub(crate) fn options(&self) -> AccessOptions {
        let http = HttpOptions { backoff: std::time::Duration::from_millis(2), retries: 3, ..HttpOptions::default() };
        let earthdata = EarthdataOptions {
            login_url: self.login.url("/").parse().ok(),
            hosts: vec![self.data.host().to_owned()],
            buckets: vec![("private-bucket".to_owned(), self.endpoint())],
            ..EarthdataOptions::default()
        };
        AccessOptions { http, earthdata, s3: S3Options::default(), ..AccessOptions::default() }
    }

    pub(crate) fn endpoint(&self) -> url::Url {
        self.data.url("/s3credentials").parse().expect("a URL")
    }

    /// Options with user and password.
    pub(crate) fn with_password(&self) -> AccessOptions {
        let mut options = self.options();
        options.earthdata.username = Some(USER.to_owned());
        options.earthdata.password = Some(Secret::new(PASSWORD));
        options
    }

    pub(crate) fn access(&self) -> cube_access::Result<Access> {
        Access::new(self.with_password())
    }

    /// Tokens that were asked for.
    pub(crate) fn token_requests(&self) -> usize {
        self.login.count("/api/users/find_or_create_token")
    }

    /// Nobody got what is not for him: the rule that every test ends with.
    pub(crate) fn assert_kept(&self) {
        for seen in self.hostile.seen() {
            let text = seen.text();
            assert!(SECRETS.iter().all(|s| !text.contains(s)), "the hostile host got {text}");
        }
        for seen in self.presigned.seen() {
            let text = seen.text().replace("SIGNATURE-SECRET", "");
            assert!(SECRETS.iter().all(|s| !text.contains(s)), "the presigned host got {text}");
        }
        for seen in self.data.seen() {
            let text = seen.text();
            let for_login = ["PASSWORD-SECRET", "Z2FpYT", "COOKIE-SECRET-login"];
            assert!(for_login.iter().all(|s| !text.contains(s)), "the data host got {text}");
        }
        for seen in self.login.seen() {
            let text = seen.text();
            assert!(!text.contains("COOKIE-SECRET-data") && !text.contains("KEY-SECRET"), "the login host got {text}");
        }
    }
}
