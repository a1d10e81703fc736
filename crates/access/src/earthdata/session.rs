//! Who logs in, and with what: the order of the strategies, and one login for all who need it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Answer, EarthdataOptions, Inner, Question, Source, Strategy, Token,
    broker::{Grant, Wish},
    login::{Pair, find_or_create},
    netrc,
    turns::Turns,
};
use crate::{Error, Kind, Result, flight::Flight, secret::fingerprint, vault::is_open_to_others};

/// Times that a person is asked.
const QUESTIONS: usize = 3;
/// What the login host said of a token so shortly ago is true.
const FRESH: TimeDelta = TimeDelta::minutes(10);

/// Who logs in.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// A token that was given; it cannot be renewed.
    Token(Token),
    /// The token of an earlier login of a person.
    Kept(Token),
    /// User and password.
    Pair(Pair),
}

/// The token of a run.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(super) token: Flight<Token>,
    who: Flight<Who>,
    /// Fingerprint of a token that a host refused and the login host gave again, and when.
    confirmed: Mutex<Option<(String, DateTime<Utc>)>>,
    /// Whether it was said what is wrong with the netrc file.
    warned: AtomicBool,
    pub(super) turns: Turns,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// The token; another one than that with the fingerprint `refused`, which a host did not take. One login, however many ask.
    pub(crate) async fn token(&self, refused: Option<&str>) -> Result<Token> {
        if refused.is_some_and(|fingerprint| self.is_confirmed(fingerprint)) {
            return Err(self.still_refused());
        }
        let is_usable = |t: &Token| !t.is_due(Utc::now()) && refused.is_none_or(|r| t.secret().fingerprint() != r);
        let token = match self.session.token.get(is_usable, self.new_token(refused)).await {
            // The login host is down, or the driver gone: what has not ended yet is still good.
            Err(e) if (e.kind() == Kind::Unavailable || e.is_credentials_expired()) && refused.is_none() => {
                self.session.token.current().filter(|t| !t.has_ended(Utc::now())).ok_or(e)?
            }
            other => other?,
        };
        if refused.is_some_and(|r| token.secret().fingerprint() == r) {
            *lock(&self.session.confirmed) = refused.map(|fingerprint| (fingerprint.to_owned(), Utc::now()));
            return Err(self.still_refused());
        }
        Ok(token)
    }

    /// Whether the login host gave this token a moment ago, so that asking it again says nothing new.
    pub(crate) fn is_known_good(&self, token: &Token) -> bool {
        self.is_confirmed(&token.secret().fingerprint()) || token.when_obtained().is_some_and(|t| Utc::now() < t + FRESH)
    }

    fn is_confirmed(&self, fingerprint: &str) -> bool {
        lock(&self.session.confirmed).as_ref().is_some_and(|(token, when)| token == fingerprint && Utc::now() < *when + FRESH)
    }

    /// User and password, where the login was made with them in this process.
    pub(crate) fn pair(&self) -> Option<Pair> {
        match self.session.who.current() {
            Some(Who::Pair(pair)) => Some(pair),
            _ => None,
        }
    }

    /// The user's name as far as it is known.
    pub(crate) fn user(&self) -> Option<String> {
        let of_token = self.session.token.current().and_then(|t| t.user().map(str::to_owned));
        of_token.or_else(|| match self.session.who.current()? {
            Who::Pair(pair) => Some(pair.user),
            Who::Token(token) | Who::Kept(token) => token.user().map(str::to_owned),
        })
    }

    /// What tells this user's things in the vault from another's. May ask a person, never a host.
    pub(crate) async fn identity(&self) -> Result<String> {
        Ok(match self.who().await? {
            Who::Token(token) => token.secret().fingerprint(),
            Who::Kept(token) => token.user().map_or_else(|| token.secret().fingerprint(), str::to_owned),
            Who::Pair(pair) => pair.user,
        })
    }

    /// Whether there is anything to log in with, without asking a person or a host.
    pub(crate) fn has_login(&self) -> bool {
        self.options.context.is_some() || self.session.who.current().is_some() || self.find(Strategy::All).is_ok()
    }

    /// Whether there is anything to log in with, or somebody to ask.
    pub(crate) fn can_log_in(&self) -> bool {
        self.options.prompt.is_some() || self.has_login()
    }

    /// Forgets the token, and who logged in, with all that came of it.
    pub(crate) async fn forget(&self) {
        self.session.token.reset().await;
        self.session.who.reset().await;
        *lock(&self.session.confirmed) = None;
        lock(&self.keys).clear();
        self.jar.clear();
    }

    fn still_refused(&self) -> Error {
        let problem = "gives a token that a data host refuses";
        Error::new(Kind::Denied, self.hosts.login(), problem).with_hint(super::refusal::both(&self.hosts, self.user().as_deref()))
    }

    async fn new_token(&self, refused: Option<&str>) -> Result<Token> {
        if let Some(context) = &self.options.context {
            let own = context.token.clone().filter(|t| !t.is_due(Utc::now()) && refused.is_none_or(|r| t.secret().fingerprint() != r));
            if let Some(token) = own {
                return Ok(token);
            }
            let Some(way_back) = &context.way_back else {
                return Err(Error::credentials_expired(self.hosts.login(), "the context has no token and no way back to the driver"));
            };
            return match way_back.ask(Wish::Token { refused: refused.map(str::to_owned) }).await? {
                Grant::Token(token) => Ok(token),
                _ => Err(Error::credentials_expired("the driver", "answers something else")),
            };
        }
        let who = self.who().await?;
        let token = match &who {
            Who::Pair(pair) => return self.token_of(pair.clone(), refused).await,
            Who::Token(token) | Who::Kept(token) => token,
        };
        let is_refused = refused.is_some_and(|r| token.secret().fingerprint() == r);
        if !is_refused && !token.has_ended(Utc::now()) {
            return Ok(token.clone());
        }
        let why = if is_refused { "was refused: it was revoked or has expired" } else { "has expired" };
        match self.successor(&who).await {
            Some(pair) => {
                tracing::info!(user = pair.user, from = %pair.source, "the given token {why}: logging in anew");
                self.session.who.set(Who::Pair(pair.clone()));
                self.token_of(pair, refused).await
            }
            None => Err(self.cannot_renew(&who, why)),
        }
    }

    fn cannot_renew(&self, who: &Who, why: &str) -> Error {
        let (name, hint) = match who {
            Who::Kept(_) => ("the token of the last login", "run `cube auth login`".to_owned()),
            _ => ("EARTHDATA_TOKEN", {
                let login = self.hosts.login();
                format!(
                    "make a new one at {login} (Generate Token), or give EARTHDATA_USERNAME and EARTHDATA_PASSWORD: then tokens are renewed by themselves"
                )
            }),
        };
        Error::new(Kind::Denied, name, why).with_hint(hint)
    }

    /// User and password that can take over from a token which has ended.
    async fn successor(&self, who: &Who) -> Option<Pair> {
        let named = environment_pair(&self.options).or_else(|| self.netrc_pair().ok());
        match (named, who) {
            (None, Who::Kept(_)) => self.ask_person(None).await.map(|answer| pair_of(&answer)),
            (named, _) => named,
        }
    }

    async fn who(&self) -> Result<Who> {
        self.session.who.get(|_| true, self.find_or_ask()).await
    }

    async fn find_or_ask(&self) -> Result<Who> {
        match self.find(Strategy::All) {
            Ok(who) => Ok(who),
            Err(missing) => match self.ask_person(None).await {
                Some(answer) => self.accepted(answer, false).await.map(Who::Pair),
                None => Err(self.no_login(missing, Strategy::All)),
            },
        }
    }

    /// Logs in with one strategy, or all, whatever was known before.
    pub(crate) async fn login(&self, strategy: Strategy, persist: bool) -> Result<()> {
        if self.options.context.is_some() {
            return Err(Error::invalid("CUBE_AUTH_CONTEXT", "is set: a worker logs in nowhere").with_hint("log in at the driver"));
        }
        self.forget().await;
        let found = match strategy {
            Strategy::Interactive => Err(Vec::new()),
            // A login that was kept is what this replaces.
            other => self.find_without_kept(other),
        };
        let who = match found {
            Ok(who) => who,
            Err(missing) if matches!(strategy, Strategy::All | Strategy::Interactive) => match self.ask_person(None).await {
                Some(answer) => Who::Pair(self.accepted(answer, persist).await?),
                None => return Err(self.not_logged_in(missing, strategy)),
            },
            Err(missing) => return Err(self.not_logged_in(missing, strategy)),
        };
        match &who {
            Who::Token(token) if token.has_ended(Utc::now()) => return Err(self.cannot_renew(&who, "has expired")),
            Who::Token(_) | Who::Kept(_) if persist => {
                return Err(Error::invalid("EARTHDATA_TOKEN", "cannot be written to a netrc file, which holds users and passwords")
                    .with_hint("unset it, and give EARTHDATA_USERNAME and EARTHDATA_PASSWORD, or `--strategy interactive`"));
            }
            Who::Token(token) | Who::Kept(token) => self.session.token.set(token.clone()),
            Who::Pair(pair) if pair.source != Source::Interactive => {
                let token = find_or_create(&self.http, self.hosts.login(), pair, None).await?;
                self.vault.write(&self.token_name(&pair.user), &token);
                self.session.token.set(token);
                if persist && pair.source == Source::Environment {
                    self.save(pair)?;
                }
            }
            Who::Pair(_) => {}
        }
        self.session.who.set(who);
        Ok(())
    }

    /// What the strategies have, without asking anybody; else why each has nothing.
    pub(crate) fn find(&self, strategy: Strategy) -> Result<Who, Vec<String>> {
        self.find_without_kept(strategy).or_else(|mut missing| {
            if matches!(strategy, Strategy::All | Strategy::Interactive) {
                match self.vault.read::<Token>(&self.kept_name()) {
                    Some(token) if !token.has_ended(Utc::now()) => return Ok(Who::Kept(token)),
                    Some(_) => missing.push("interactive: the last login has ended".to_owned()),
                    None => {}
                }
            }
            Err(missing)
        })
    }

    fn find_without_kept(&self, strategy: Strategy) -> Result<Who, Vec<String>> {
        let mut missing = Vec::new();
        if matches!(strategy, Strategy::All | Strategy::Environment) {
            if let Some(token) = &self.options.token {
                return Ok(Who::Token(Token::given(token.clone())));
            }
            if let Some(pair) = environment_pair(&self.options) {
                return Ok(Who::Pair(pair));
            }
            let why = match (&self.options.username, &self.options.password) {
                (Some(_), None) => "EARTHDATA_USERNAME is set, and EARTHDATA_PASSWORD is not",
                (None, Some(_)) => "EARTHDATA_PASSWORD is set, and EARTHDATA_USERNAME is not",
                _ => "neither EARTHDATA_TOKEN nor EARTHDATA_USERNAME and EARTHDATA_PASSWORD are set",
            };
            missing.push(format!("environment: {why}"));
        }
        if matches!(strategy, Strategy::All | Strategy::Netrc) {
            match self.netrc_pair() {
                Ok(pair) => return Ok(Who::Pair(pair)),
                Err(why) => missing.push(format!("netrc: {why}")),
            }
        }
        Err(missing)
    }

    fn netrc_pair(&self) -> Result<Pair, String> {
        let path = self.options.netrc.as_ref().ok_or("no home folder is known")?;
        let shown = path.display();
        let meta = std::fs::metadata(path).map_err(|_| format!("there is no {shown}"))?;
        let text = std::fs::read_to_string(path).map(zeroize::Zeroizing::new).map_err(|e| format!("{shown} cannot be read: {e}"))?;
        let machines = self.machines();
        let entry = netrc::find(&text, &machines).map_err(|problem| format!("{shown}, {problem}"))?;
        let host = machines.last().map_or("", String::as_str);
        let entry = entry.ok_or_else(|| format!("{shown} has no entry for {host}"))?;
        let user = entry.login.ok_or_else(|| format!("{shown} has no login for {host}"))?;
        let password = entry.password.ok_or_else(|| format!("{shown} has no password for {host}"))?;
        if !self.session.warned.swap(true, Ordering::Relaxed) {
            if is_open_to_others(&meta) {
                tracing::warn!(path = %shown, "others may read the passwords in this file: chmod 600 it");
            }
            if entry.is_disputed {
                tracing::warn!(path = %shown, host, "several entries of this file differ: the first is taken, other programs may take the last");
            }
        }
        Ok(Pair { user, password, source: Source::Netrc(path.clone()) })
    }

    /// What the login host is called in a netrc file.
    pub(crate) fn machines(&self) -> Vec<String> {
        let url = self.hosts.login_url();
        let host = url.host_str().unwrap_or_default().to_owned();
        url.port().map(|port| format!("{host}:{port}")).into_iter().chain([host.clone()]).collect()
    }

    /// What the strategies that were asked for have to say. A person is one of them only where somebody could have been asked.
    fn no_login(&self, mut missing: Vec<String>, strategy: Strategy) -> Error {
        if matches!(strategy, Strategy::All | Strategy::Interactive) {
            let what = if self.options.prompt.is_some() { "nobody answered" } else { "nobody can be asked" };
            missing.push(format!("interactive: {what}"));
        }
        let problem = format!("needs a login, and there is none ({})", missing.join("; "));
        Error::new(Kind::Denied, self.hosts.login(), problem).with_hint(format!(
            "set EARTHDATA_TOKEN, or EARTHDATA_USERNAME and EARTHDATA_PASSWORD, or run `cube auth login` (accounts are free: {})",
            self.hosts.login()
        ))
    }

    /// The same to who asked for a login.
    fn not_logged_in(&self, missing: Vec<String>, strategy: Strategy) -> Error {
        let (login, machine) = (self.hosts.login(), self.machines().pop().unwrap_or_default());
        self.no_login(missing, strategy).with_hint(match strategy {
            Strategy::Netrc => format!("write a line `machine {machine} login USER password PASSWORD`, or leave out `--strategy` to be asked"),
            Strategy::Environment => "set EARTHDATA_TOKEN, or EARTHDATA_USERNAME and EARTHDATA_PASSWORD".to_owned(),
            _ => format!("set EARTHDATA_TOKEN, or EARTHDATA_USERNAME and EARTHDATA_PASSWORD, or answer on a terminal (accounts are free: {login})"),
        })
    }

    async fn ask_person(&self, problem: Option<String>) -> Option<Answer> {
        let prompt = self.options.prompt.clone()?;
        let question = Question { host: self.machines().pop()?, problem };
        tokio::task::spawn_blocking(move || prompt.ask(&question)).await.ok().flatten()
    }

    /// Logs in with what a person answered, asking again when it is refused.
    async fn accepted(&self, mut answer: Answer, persist: bool) -> Result<Pair> {
        for left in (0..QUESTIONS).rev() {
            let pair = pair_of(&answer);
            match find_or_create(&self.http, self.hosts.login(), &pair, None).await {
                Ok(token) => {
                    self.vault.write(&self.token_name(&pair.user), &token);
                    self.vault.write(&self.kept_name(), &token);
                    self.session.token.set(token);
                    if persist || self.may_save().await {
                        self.save(&pair)?;
                    }
                    return Ok(pair);
                }
                Err(e) if e.kind() == Kind::Denied && left > 0 => match self.ask_person(Some(e.to_string())).await {
                    Some(next) => answer = next,
                    None => return Err(e),
                },
                Err(e) => return Err(e),
            }
        }
        Err(self.no_login(Vec::new(), Strategy::Interactive))
    }

    async fn may_save(&self) -> bool {
        let Some(prompt) = self.options.prompt.clone() else { return false };
        tokio::task::spawn_blocking(move || prompt.may_save()).await.unwrap_or(false)
    }

    fn save(&self, pair: &Pair) -> Result<()> {
        let path = self.options.netrc.as_ref().ok_or_else(|| Error::invalid("NETRC", "is not set, and no home folder is known"))?;
        let machine = self.machines().pop().unwrap_or_default();
        netrc::save(path, &machine, &pair.user, &pair.password)
            .map_err(|e| Error::invalid(&path.display().to_string(), "cannot be written").with_source(e))?;
        tracing::info!(path = %path.display(), user = pair.user, "saved user and password");
        Ok(())
    }

    /// The token of a user: from the vault, where another process left it, else from the login host.
    async fn token_of(&self, pair: Pair, refused: Option<&str>) -> Result<Token> {
        let current = self.session.token.current();
        let is_usable = |t: &Token, now: DateTime<Utc>| !t.is_due(now) && refused.is_none_or(|r| t.secret().fingerprint() != r);
        if let Some(token) = current.filter(|t| is_usable(t, Utc::now())) {
            return Ok(token);
        }
        let name = self.token_name(&pair.user);
        let _lock = self.vault.lock(&name).await;
        if let Some(token) = self.vault.read::<Token>(&name).filter(|t| is_usable(t, Utc::now())) {
            tracing::debug!(user = pair.user, "another process has logged in");
            return Ok(token);
        }
        let token = find_or_create(&self.http, self.hosts.login(), &pair, refused).await?;
        self.vault.write(&name, &token);
        Ok(token)
    }

    fn token_name(&self, user: &str) -> String {
        format!("token-{}", fingerprint(&[self.hosts.login(), user]))
    }

    pub(crate) fn kept_name(&self) -> String {
        format!("login-{}", fingerprint(&[self.hosts.login()]))
    }

    /// When the token that is at hand ends, without asking anybody.
    pub(crate) fn known_token(&self, who: &Who) -> Option<Token> {
        self.session.token.current().or_else(|| match who {
            Who::Token(token) | Who::Kept(token) => Some(token.clone()),
            Who::Pair(pair) => self.vault.read(&self.token_name(&pair.user)),
        })
    }
}

fn environment_pair(options: &EarthdataOptions) -> Option<Pair> {
    let (user, password) = options.username.clone().zip(options.password.clone())?;
    Some(Pair { user, password, source: Source::Environment })
}

fn pair_of(answer: &Answer) -> Pair {
    Pair { user: answer.username.clone(), password: answer.password.clone(), source: Source::Interactive }
}
