//! All credentials of a run, and what each request gets of them.

use futures::future::{BoxFuture, FutureExt};
use http::{HeaderMap, HeaderName};
use url::Url;

use crate::{
    Error, Kind, Result,
    cdse::{self, Cdse},
    earthdata::{AuthContext, Broker, ContextOptions, Earthdata, Grant, HostHeader, Passage, Step, Wish, service_url},
    http::{Ask, Failure, Live},
    planetary::Planetary,
    secret::sensitive,
};

/// Who may be asked for credentials.
#[derive(Debug)]
pub(crate) struct Keyring {
    pub(crate) earthdata: Earthdata,
    pub(crate) planetary: Planetary,
    pub(crate) cdse: Cdse,
    /// Headers that the driver gave for some hosts.
    pub(crate) headers: Vec<HostHeader>,
}

impl Keyring {
    /// Whether requests to an address may get something of ours.
    pub(crate) fn is_for(&self, url: &Url) -> bool {
        self.earthdata.is_known(url)
            || self.cdse.is_host(url)
            || self.planetary.container(url).is_some()
            || self.headers.iter().any(|h| url.host_str() == Some(h.host.as_str()))
            || !url.username().is_empty()
            || url.password().is_some()
    }

    /// What a worker gets that asks through the broker.
    pub(crate) async fn grant(&self, wish: Wish) -> Result<Grant> {
        Ok(match wish {
            Wish::Token { refused } => Grant::Token(self.earthdata.inner().token(refused.as_deref()).await?),
            Wish::Keys { endpoint, refused } => {
                let endpoint = service_url("the endpoint", &endpoint)?;
                Grant::Keys(self.earthdata.inner().keys(&endpoint, self.earthdata.is_named(&endpoint), refused.as_deref()).await?)
            }
            Wish::Signature { container, refused } => Grant::Signature(self.planetary.signature(&container, refused.as_deref()).await?),
            Wish::Cdse { refused } => Grant::Cdse(self.cdse.token(refused.as_deref()).await?),
        })
    }

    /// What workers need.
    pub(crate) async fn context(&self, options: &ContextOptions, broker: Option<&Broker>) -> Result<AuthContext> {
        let mut context = self.earthdata.context(options).await?;
        context.headers.clone_from(&self.headers);
        if options.token && self.cdse.has_login() {
            context.cdse = Some(self.cdse.token(None).await?);
        }
        context.way_back = broker.map(Broker::way_back);
        Ok(context)
    }
}

/// One request on its way, with what was tried for it.
#[derive(Debug)]
pub(crate) struct Journey<'a> {
    keyring: &'a Keyring,
    passage: Passage<'a>,
    /// What the current request carries of the Copernicus Data Space or the Planetary Computer.
    cdse_sent: Option<String>,
    cdse_refused: Option<String>,
    signed: Option<(String, String)>,
    signature_refused: Option<String>,
}

impl<'a> Journey<'a> {
    pub(crate) fn new(keyring: &'a Keyring) -> Self {
        Self { keyring, passage: Passage::new(&keyring.earthdata), cdse_sent: None, cdse_refused: None, signed: None, signature_refused: None }
    }

    /// The request as it goes over the wire. Boxed, because logging in makes requests too.
    pub(crate) fn dress<'b>(&'b mut self, ask: &'b Ask) -> BoxFuture<'b, Result<Ask>> {
        self.with_credentials(ask).boxed()
    }

    /// What an answer means.
    pub(crate) fn judge<'b>(&'b mut self, ask: &'b Ask, live: &'b mut Live) -> BoxFuture<'b, Result<Step, Failure>> {
        self.understand(ask, live).boxed()
    }

    async fn with_credentials(&mut self, ask: &Ask) -> Result<Ask> {
        (self.cdse_sent, self.signed) = (None, None);
        let mut dressed = ask.clone();
        let added = self.passage.headers(ask).await?;
        merge(&mut dressed.headers, added);
        if self.keyring.cdse.is_for(ask) {
            let token = self.keyring.cdse.token(self.cdse_refused.as_deref()).await.map_err(|e| e.wanted_by(ask.url.as_str()))?;
            dressed.headers.extend(token.secret().bearer().map(|bearer| (http::header::AUTHORIZATION, bearer)));
            self.cdse_sent = Some(token.secret().fingerprint());
        }
        if let Some(container) = self.keyring.planetary.container(&ask.url) {
            let signature = self.keyring.planetary.signature(&container, self.signature_refused.as_deref()).await?;
            dressed.url = signature.sign(&ask.url);
            self.signed = signature.fingerprint().map(|f| (container, f));
        }
        for header in self.keyring.headers.iter().filter(|h| ask.url.scheme() == "https" && ask.url.host_str() == Some(h.host.as_str())) {
            if let (Ok(name), Some(value)) = (HeaderName::try_from(&header.name), sensitive(header.value.expose())) {
                dressed.headers.entry(name).or_insert(value);
            }
        }
        Ok(dressed)
    }

    async fn understand(&mut self, ask: &Ask, live: &mut Live) -> Result<Step, Failure> {
        let status = live.response.status().as_u16();
        if status == 401 && self.cdse_sent.is_none() && self.keyring.cdse.is_host(&ask.url) {
            let error = Error::new(Kind::Denied, ask.url.as_str(), "asks for a login of the Copernicus Data Space");
            return Err(Failure::Final(error.with_hint(cdse::HINT)));
        }
        if let (401, Some(sent), None) = (status, &self.cdse_sent, &self.cdse_refused) {
            self.cdse_refused = Some(sent.clone());
            return Ok(Step::Again);
        }
        if let (401 | 403, Some((_, sent)), None) = (status, &self.signed, &self.signature_refused) {
            self.signature_refused = Some(sent.clone());
            return Ok(Step::Again);
        }
        self.passage.judge(ask, live).await
    }
}

fn merge(headers: &mut HeaderMap, added: HeaderMap) {
    for (name, value) in added {
        if let Some(name) = name {
            headers.entry(name).or_insert(value);
        }
    }
}
